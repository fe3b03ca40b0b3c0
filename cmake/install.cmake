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
  string(REPLACE "_" "-" package ${target}0)
  install(TARGETS core_${precision} ARCHIVE COMPONENT librnn-dev)
  install(TARGETS ${target} LIBRARY COMPONENT ${package} NAMELINK_COMPONENT librnn-dev)
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
set(KERNEL_PAGE ${CMAKE_SOURCE_DIR}/bindings/jupyter/rnnlua-kernel.1)
add_custom_command(
  OUTPUT ${SHELLS}/rnnlua.1.gz ${SHELLS}/rnnlua.bash ${SHELLS}/_rnnlua ${SHELLS}/rnnlua.fish
  COMMAND build_lua ${CMAKE_SOURCE_DIR}/docs/command_line.lua ${SHELLS}
  COMMAND gzip -9nf ${SHELLS}/rnnlua.1
  COMMAND gzip -9n < ${KERNEL_PAGE} > ${SHELLS}/rnnlua-kernel.1.gz
  DEPENDS docs/command_line.lua bindings/host/options.def ${KERNEL_PAGE} VERBATIM)
add_custom_target(shells ALL DEPENDS ${SHELLS}/rnnlua.1.gz)
install(FILES ${SHELLS}/rnnlua.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT rnnlua)
install(FILES ${SHELLS}/rnnlua.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME rnnlua
        COMPONENT rnnlua)
install(FILES ${SHELLS}/_rnnlua DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT rnnlua)
install(FILES ${SHELLS}/rnnlua.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT rnnlua)

install(TARGETS rnnlua COMPONENT rnnlua)
install(TARGETS rnn LIBRARY DESTINATION ${RNNLUA_MODULES} COMPONENT rnnlua)
# For editors: the library's own files carry annotations, and go-to-definition leads there.
install(DIRECTORY stdlib/rnn DESTINATION ${CMAKE_INSTALL_DATADIR}/rnnlua/library COMPONENT rnnlua
        FILES_MATCHING PATTERN *.lua PATTERN jupyter EXCLUDE)
install(DIRECTORY docs/editor DESTINATION ${CMAKE_INSTALL_DATADIR}/rnnlua COMPONENT rnnlua)
install(DIRECTORY scripts DESTINATION ${CMAKE_INSTALL_DATADIR}/rnnlua COMPONENT rnnlua FILES_MATCHING PATTERN *.lua)
install(FILES README.md CHANGELOG.md docs/manual.md docs/phrasebook.md TYPE DOC COMPONENT rnnlua)
install(DIRECTORY docs/manual docs/howto docs/course TYPE DOC COMPONENT rnnlua)

if(ZMQ_FOUND)
  install(TARGETS rnnlua-kernel COMPONENT rnnlua-jupyter)
  install(FILES ${SHELLS}/rnnlua-kernel.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT rnnlua-jupyter)
  install(FILES stdlib/rnn/jupyter/kernel.json stdlib/rnn/jupyter/logo-svg.svg
          DESTINATION ${CMAKE_INSTALL_DATADIR}/jupyter/kernels/rnnlua COMPONENT rnnlua-jupyter)
endif()

# ---- cpack: one .deb for each component; the modules of MPI are components as well ----
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME rnnlua)
set(CPACK_PACKAGE_CONTACT "The authors of rnnlua <rnnlua@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL rnnlua librnn0 librnn-double0 librnn-dev)
if(ZMQ_FOUND)
  list(APPEND CPACK_COMPONENTS_ALL rnnlua-jupyter)
endif()
foreach(mpi openmpi mpich)
  if(RNNLUA_MPI AND RNNLUA_MPICC_${mpi})
    install(FILES ${CMAKE_BINARY_DIR}/module/rnnlua_${mpi}.so DESTINATION ${RNNLUA_MODULES} COMPONENT rnnlua-${mpi})
    list(APPEND CPACK_COMPONENTS_ALL rnnlua-${mpi})
    string(TOUPPER ${mpi} name)
    set(CPACK_DEBIAN_RNNLUA-${name}_PACKAGE_DEPENDS rnnlua)
    set(SUMMARY_rnnlua-${mpi} "recurrent neural networks scripted in Lua, under mpirun")
    set(TEXT_rnnlua-${mpi} "This package has the module for training with several processes.")
  endif()
endforeach()
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)

# What every package has: a licence and a history in Debian's form (lintian checks it, tests/checks/deb.sh).
set(PACKAGING ${CMAKE_BINARY_DIR}/packaging)
string(TIMESTAMP NOW "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH, when that is set
file(WRITE ${PACKAGING}/changelog "rnnlua (${PROJECT_VERSION}) unstable; urgency=medium

  * What has changed is told by /usr/share/doc/rnnlua/CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${NOW}
")
execute_process(COMMAND gzip -9nf ${PACKAGING}/changelog COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${PACKAGING}/triggers "activate-noawait ldconfig\n")
set(SUMMARY_rnnlua "recurrent neural networks scripted in Lua")
set(SUMMARY_librnn0 "recurrent neural networks, shared library")
set(SUMMARY_librnn-double0 "recurrent neural networks in double precision, shared library")
set(SUMMARY_librnn-dev "recurrent neural networks, for development in C")
set(SUMMARY_rnnlua-jupyter "recurrent neural networks scripted in Lua, in notebooks")
set(TEXT "Tensors with gradients, recurrent cells and layers, training, forecasts\nand plots, with the same bits on every machine.\n")
set(TEXT_rnnlua "This package has the program rnnlua and the module rnn for lua5.4.")
set(TEXT_librnn0 "This package has the core as a library in C.")
set(TEXT_librnn-double0 "This package has the core as a library in C, in double precision.")
set(TEXT_librnn-dev "This package has the header, static libraries, and what pkg-config and\nCMake want to know.")
set(TEXT_rnnlua-jupyter "This package has the kernel for Jupyter.")
foreach(component ${CPACK_COMPONENTS_ALL})
  set(folder ${CMAKE_INSTALL_DATADIR}/doc/${component})
  install(FILES LICENSE DESTINATION ${folder} RENAME copyright COMPONENT ${component})
  install(FILES ${PACKAGING}/changelog.gz DESTINATION ${folder} COMPONENT ${component})
  string(TOUPPER ${component} name)
  set(CPACK_DEBIAN_${name}_PACKAGE_NAME ${component})
  set(CPACK_DEBIAN_${name}_PACKAGE_SECTION science)
  set(CPACK_DEBIAN_${name}_DESCRIPTION "${SUMMARY_${component}}\n${TEXT}${TEXT_${component}}")
  if(component MATCHES "0$")
    set(CPACK_DEBIAN_${name}_PACKAGE_SECTION libs)
    set(CPACK_DEBIAN_${name}_PACKAGE_CONTROL_EXTRA ${PACKAGING}/triggers)
    # cpack calls ldconfig in postinst as well, and cannot be told not to.
    file(WRITE ${PACKAGING}/${component} "${component}: maintscript-calls-ldconfig\n${component}: no-symbols-control-file\n")
    install(FILES ${PACKAGING}/${component} DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides COMPONENT ${component})
  endif()
endforeach()
set(CPACK_DEBIAN_RNNLUA_PACKAGE_RECOMMENDS "libopenblas0-pthread, libcairo2, libreadline8, libsndfile1, libsamplerate0, libmicrohttpd12 | libmicrohttpd12t64")
set(CPACK_DEBIAN_LIBRNN-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRNN-DEV_PACKAGE_DEPENDS "librnn0 (= ${PROJECT_VERSION}), librnn-double0 (= ${PROJECT_VERSION}), \
libjansson-dev, libcsv-dev, zlib1g-dev")
set(CPACK_DEBIAN_RNNLUA-JUPYTER_PACKAGE_ENHANCES "jupyter-core")
include(CPack)
