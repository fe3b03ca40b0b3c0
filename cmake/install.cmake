# What `cmake --install` and `cpack` put where: the program, the module for a stock lua5.4, and librnn, which is the core
# without Lua: static and shared, in both precisions, for pkg-config and for find_package(rnn).
include(GNUInstallDirs)
set(RNNLUA_MODULES ${CMAKE_INSTALL_LIBDIR}/lua/5.4 CACHE STRING "Folder of the modules of Lua that are made in C")

foreach(precision float double)
  string(REPLACE "_float" "" name rnn_${precision})
  string(REPLACE "rnn" "librnn" target ${name})
  add_library(${target} SHARED core/rnn.h)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} LINKER_LANGUAGE C VERSION ${PROJECT_VERSION} SOVERSION 0)
  target_link_libraries(${target} PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,core_${precision}>)
  target_link_options(${target} PRIVATE -Wl,-Bsymbolic-functions)
  set_target_properties(core_${precision} PROPERTIES OUTPUT_NAME ${name})
  set(NAME ${name})
  set(DEFINES)
  if(precision STREQUAL double)
    set(DEFINES -DRNN_DOUBLE)
  endif()
  configure_file(cmake/rnn.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT librnn-dev)
  install(TARGETS core_${precision} ${target} COMPONENT librnn-dev)
endforeach()
include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/rnn-config.cmake.in rnn-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/rnn
                              PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(rnn-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/rnn-config.cmake ${CMAKE_BINARY_DIR}/rnn-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/rnn COMPONENT librnn-dev)
install(FILES core/rnn.h TYPE INCLUDE COMPONENT librnn-dev)

set(SHELLS ${CMAKE_BINARY_DIR}/shells)
file(MAKE_DIRECTORY ${SHELLS})
add_custom_command(
  OUTPUT ${SHELLS}/rnnlua.1 ${SHELLS}/rnnlua.bash ${SHELLS}/_rnnlua ${SHELLS}/rnnlua.fish
  COMMAND build_lua ${CMAKE_SOURCE_DIR}/docs/command_line.lua ${SHELLS}
  DEPENDS docs/command_line.lua bindings/host/options.def VERBATIM)
add_custom_target(shells ALL DEPENDS ${SHELLS}/rnnlua.1)
install(FILES ${SHELLS}/rnnlua.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT rnnlua)
install(FILES ${SHELLS}/rnnlua.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME rnnlua
        COMPONENT rnnlua)
install(FILES ${SHELLS}/_rnnlua DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT rnnlua)
install(FILES ${SHELLS}/rnnlua.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT rnnlua)

install(TARGETS rnnlua COMPONENT rnnlua)
install(TARGETS rnn LIBRARY DESTINATION ${RNNLUA_MODULES} COMPONENT rnnlua)
install(FILES stdlib/rnn/meta.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/rnnlua/library/rnn COMPONENT rnnlua)
install(DIRECTORY scripts DESTINATION ${CMAKE_INSTALL_DATADIR}/rnnlua COMPONENT rnnlua FILES_MATCHING PATTERN *.lua)
install(FILES README.md CHANGELOG.md docs/manual.md docs/phrasebook.md TYPE DOC COMPONENT rnnlua)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT rnnlua)
install(DIRECTORY docs/manual docs/howto docs/course TYPE DOC COMPONENT rnnlua)

if(ZMQ_FOUND)
  install(TARGETS rnnlua-kernel COMPONENT rnnlua-jupyter)
  install(FILES stdlib/rnn/jupyter/kernel.json stdlib/rnn/jupyter/logo-svg.svg
          DESTINATION ${CMAKE_INSTALL_DATADIR}/jupyter/kernels/rnnlua COMPONENT rnnlua-jupyter)
endif()

# ---- cpack: one .deb for each component ----
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME rnnlua)
set(CPACK_PACKAGE_CONTACT "The authors of rnnlua <rnnlua@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "recurrent neural networks scripted in Lua")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL rnnlua librnn-dev)
if(ZMQ_FOUND)
  list(APPEND CPACK_COMPONENTS_ALL rnnlua-jupyter)
endif()
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RNNLUA_PACKAGE_NAME rnnlua)
set(CPACK_DEBIAN_RNNLUA_PACKAGE_SECTION science)
set(CPACK_DEBIAN_RNNLUA_PACKAGE_RECOMMENDS "libopenblas0-pthread, libcairo2, libreadline8, libsndfile1, libsamplerate0")
set(CPACK_DEBIAN_LIBRNN-DEV_PACKAGE_NAME librnn-dev)
set(CPACK_DEBIAN_LIBRNN-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRNN-DEV_PACKAGE_DEPENDS "libjansson-dev, libcsv-dev, zlib1g-dev")
set(CPACK_DEBIAN_RNNLUA-JUPYTER_PACKAGE_NAME rnnlua-jupyter)
set(CPACK_DEBIAN_RNNLUA-JUPYTER_PACKAGE_SECTION science)
set(CPACK_DEBIAN_RNNLUA-JUPYTER_PACKAGE_ENHANCES "jupyter-core")
include(CPack)
