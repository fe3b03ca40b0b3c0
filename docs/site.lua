-- site.lua: README.md and the pages of docs/ as a site of plain HTML, with search, that asks nothing from a network.
--
--   build/rnnlua docs/site.lua [FOLDER]      default: build/site; ./dev docs makes it
--
-- cmark (Debian's package) makes HTML of Markdown. Tables, which it does not know, become HTML before. Files that pages
-- link to come along: pictures as they are, scripts as pages.

local core = require "rnn.core"

local out = arg[1] or "build/site"
local REPOSITORY_ONLY <const> = { ["LICENSE"] = true, ["docs/examples.md"] = true } -- the manual has the examples

local files = dofile((arg[0]:match "^(.*/)" or "./") .. "files.lua")
local quote, read, lines_of = files.quote, files.read, files.lines_of

local function write(path, text)
  assert(core.make_folder((out .. "/" .. path):match "^(.*)/"))
  assert(core.file_write(out .. "/" .. path, text))
end

local function html(text) return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" })) end
local function plain(text)
  return (text:gsub("<[^>]*>", ""):gsub("&(%l+);", { amp = "&", lt = "<", gt = ">", quot = '"' }))
end

-- ---- where pages are ----

-- "docs/howto/README.pt.md" -> "howto/index.pt.html"; a script becomes a page as well.
local function address(path)
  return (path:gsub("^docs/", ""):gsub("README(.*)%.md$", "index%1.md"):gsub("%.md$", ".html"):gsub("%.lua$", ".lua.html"))
end

-- "a/b/../c" -> "a/c"
local function normal(path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

local function up(path) return ("../"):rep(select(2, address(path):gsub("/", ""))) end

-- ---- code in colours ----

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
  while]]):gmatch "%a+" do KEYWORDS[word] = true end

local function coloured(code)
  local parts, at = {}, 1
  local function span(class, from, to)
    parts[#parts + 1] = ('<span class="%s">%s</span>'):format(class, html(code:sub(from, to)))
    at = to + 1
  end
  while at <= #code do
    local _, to = code:find("^%-%-[^\n]*", at)
    if to then span("c", at, to) goto next end
    _, to = code:find('^"[^"\n]*"', at)
    if not to then _, to = code:find("^'[^'\n]*'", at) end
    if to then span("s", at, to) goto next end
    _, to = code:find("^[%a_][%w_]*", at)
    if to then
      if KEYWORDS[code:sub(at, to)] then span("k", at, to)
      else
        parts[#parts + 1], at = code:sub(at, to), to + 1
      end
      goto next
    end
    parts[#parts + 1], at = html(code:sub(at, at)), at + 1
    ::next::
  end
  return table.concat(parts)
end

-- ---- Markdown to HTML ----

local function cells(line)
  local list = {}
  line = line:gsub("^%s*|", ""):gsub("|%s*$", ""):gsub("\\|", "\1")
  for cell in (line .. "|"):gmatch "(.-)|" do list[#list + 1] = (cell:gsub("\1", "|"):match "^%s*(.-)%s*$") end
  return list
end

-- Each cell is a paragraph for cmark; the marks of the paragraph go again afterwards.
local function table_html(rows)
  local lines = { "<div class=\"table\" tabindex=\"0\"><table>" }
  for i, row in ipairs(rows) do
    if i ~= 2 then
      local kind = i == 1 and "th" or "td"
      lines[#lines + 1] = "<tr>"
      for _, cell in ipairs(cells(row)) do
        local tag = cell == "" and "td" or kind
        lines[#lines + 1] = ("<%s>\n\n%s\n\n</%s>"):format(tag, cell, tag)
      end
      lines[#lines + 1] = "</tr>"
    end
  end
  lines[#lines + 1] = "</table></div>\n"
  return table.concat(lines, "\n")
end

local function with_tables(page)
  local lines, rows, fence = {}, {}, nil
  local function flush()
    if #rows > 1 and rows[2]:find "^|[%s|:-]+$" then lines[#lines + 1] = table_html(rows)
    else table.move(rows, 1, #rows, #lines + 1, lines) end
    rows = {}
  end
  for line in page:gmatch "([^\n]*)\n?" do
    local mark = line:match "^```+"
    if mark and (not fence or mark == fence) then fence = not fence and mark or nil end
    if not fence and line:find "^|" then rows[#rows + 1] = line
    else
      flush()
      lines[#lines + 1] = line
    end
  end
  flush()
  return table.concat(lines, "\n")
end

local function markdown(page)
  local path = os.tmpname()
  assert(core.file_write(path, with_tables(page)))
  local pipe = assert(io.popen("cmark --unsafe --smart " .. quote(path)))
  local text = pipe:read "a"
  assert(pipe:close(), "site.lua: cmark is missing (apt install cmark)")
  os.remove(path)
  text = text:gsub("<(t[hd])>%s*<p>(.-)</p>%s*</t[hd]>", "<%1>%2</%1>"):gsub("<(t[hd])>%s*</t[hd]>", "<%1></%1>")
    :gsub("<tr>\n<td></td>\n<td></td>\n</tr>\n", "")
  return text:gsub('<pre><code class="language%-lua">(.-)</code></pre>', function(code)
    return "<pre tabindex=\"0\"><code class=\"lua\">" .. coloured(plain(code)) .. "</code></pre>"
  end):gsub("<pre><code", "<pre tabindex=\"0\"><code"):gsub("<!%-%-.-%-%->\n?", "")
end

-- ---- a page ----

-- The address of a heading, as GitHub makes it.
local function anchor(title, seen)
  local name = plain(title):lower():gsub("[^%w _\128-\255-]", ""):gsub(" ", "-")
  seen[name] = (seen[name] or -1) + 1
  return seen[name] == 0 and name or name .. "-" .. seen[name]
end

local MENU = { -- title in English and Portuguese, page
  { "Start", "Início", "README" }, { "Tutorial", "Tutorial", "docs/tutorial" }, { "Course", "Curso", "docs/course/README" },
  { "How-tos", "Como fazer", "docs/howto/README" }, { "Questions", "Perguntas", "docs/faq" },
  { "Manual", "Manual", "docs/manual" }, { "Phrasebook", "Expressões", "docs/phrasebook" },
  { "Glossary", "Glossário", "docs/glossary" }, { "What is in it", "O que há nele", "docs/features" },
  { "Results", "Resultados", "docs/results" }, { "Speed", "Velocidade", "docs/speed" },
  { "How it is built", "Como é feito", "docs/architecture" }, { "Inside", "Por dentro", "docs/internals" },
}

local WORDS = {
  en = { search = "Search", menu = "Menu", contents = "On this page", found = "Found", skip = "To the text",
    edit = "Made from" },
  pt = { search = "Busca", menu = "Menu", contents = "Nesta página", found = "Encontrado", skip = "Ao texto",
    edit = "Feito de" },
}

local paths, is_page = lines_of "find . -path './README*.md' -o -path './docs/*.md' | sed 's/^..//' | LC_ALL=C sort", {}
for i = #paths, 1, -1 do -- what has no title is a part of another page
  local page = not REPOSITORY_ONLY[paths[i]] and read(paths[i]):find "^#"
  if page then is_page[paths[i]] = true else table.remove(paths, i) end
end

local index, copied = {}, {}

local function language(path) return path:find "%.pt%.md$" and "pt" or "en" end

local function menu(path)
  local lines, pt = {}, language(path) == "pt"
  for _, item in ipairs(MENU) do
    local target = item[3] .. (pt and is_page[item[3] .. ".pt.md"] and ".pt.md" or ".md")
    if is_page[target] then
      lines[#lines + 1] = ('<a href="%s%s"%s>%s</a>'):format(up(path), address(target),
        target == path and ' aria-current="page"' or "", pt and item[2] or item[1])
    end
  end
  return table.concat(lines, "\n")
end

local function shell(path, title, body)
  local lang = language(path)
  local words, root = WORDS[lang], up(path)
  local other = lang == "pt" and path:gsub("%.pt%.md$", ".md") or path:gsub("%.md$", ".pt.md")
  local switch = is_page[other] and ('<a href="%s%s" lang="%s" hreflang="%s">%s</a>'):format(root, address(other),
    lang == "pt" and "en" or "pt-BR", lang == "pt" and "en" or "pt-BR", lang == "pt" and "English" or "Português") or ""
  return ([[
<!DOCTYPE html>
<html lang="%s">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
<link rel="stylesheet" href="%ssite.css">
<link rel="icon" href="data:,">
<script defer src="%ssite.js" data-root="%s"></script>
</head>
<body>
<a class="skip" href="#text">%s</a>
<header>
<a class="name" href="%s">rnnlua</a>
<form role="search"><input type="search" id="search" placeholder="%s" aria-label="%s" autocomplete="off"></form>
%s
</header>
<div id="found" role="region" aria-live="polite" aria-label="%s" hidden></div>
<div class="columns">
<details class="menu"><summary>%s</summary></details>
<nav aria-label="%s">
%s
</nav>
<main id="text">
%s
</main>
</div>
</body>
</html>
]]):format(lang == "pt" and "pt-BR" or "en", html(title), root, root, root, words.skip, root .. (lang == "pt"
    and is_page["README.pt.md"] and "index.pt.html" or "index.html"), words.search, words.search, switch, words.found,
    words.menu, words.menu, menu(path), body)
end

local function copy(path)
  if copied[path] then return end
  copied[path] = true
  local text = assert(read(path), path .. ": a page links to it, and it is not there")
  if path:find "%.lua$" then
    write(address(path), shell(path, path, ("<h1>%s</h1>\n<pre tabindex=\"0\"><code class=\"lua\">%s</code></pre>"):format(
      path, coloured(text))))
  else
    write(address(path), text)
  end
end

local function one(path)
  local folder = path:match "^(.*/)" or ""
  local body, seen, headings = markdown(read(path)), {}, {}
  body = body:gsub('(<a href=")([^"#]*)(#?[^"]*)"', function(before, target, rest)
    if target == "" or target:find "^%a+:" then return nil end
    local file = normal(folder .. target)
    if REPOSITORY_ONLY[file] then return nil end
    if not is_page[file] then copy(file) end
    return ('%s%s%s%s"'):format(before, up(path), address(file), rest)
  end):gsub('(<img src=")([^"]*)"', function(before, target)
    local file = normal(folder .. target)
    copy(file)
    return ('%s%s%s" loading="lazy"'):format(before, up(path), address(file))
  end)
  body = body:gsub("<h(%d)>(.-)</h%d>", function(level, title)
    local name = anchor(title, seen)
    headings[#headings + 1] = { level = tonumber(level), title = title, name = name }
    return ('<h%s id="%s">%s</h%s>'):format(level, name, title, level)
  end)
  local first, links = headings[1] and plain(headings[1].title) or path, {}
  for _, heading in ipairs(headings) do
    if heading.level == 2 then
      links[#links + 1] = ('<a href="#%s">%s</a>'):format(heading.name, heading.title)
    end
  end
  local contents = #links > 3 and ('<details class="contents" open><summary>%s</summary>%s</details>\n'):format(
    WORDS[language(path)].contents, table.concat(links, "\n")) or ""
  write(address(path), shell(path, first .. (first ~= "rnnlua" and " · rnnlua" or ""), (body:gsub("</h1>\n", function(h1)
    return h1 .. contents
  end, 1))))
  -- What the search knows: each heading with the beginning of what is below it.
  for i, heading in ipairs(headings) do
    local from = select(2, body:find(('id="%s">'):format(heading.name), 1, true)) + #heading.title
    local next_one = headings[i + 1] and body:find(('<h%%d id="%s">'):format(headings[i + 1].name:gsub("%p", "%%%0")), from)
    local text = plain(body:sub(from + 1, (next_one or #body + 1) - 1)):gsub("^%s+", ""):gsub("%s+", " ")
    text = text:sub(1, utf8.offset(text, math.min(260, utf8.len(text)) + 1) - 1)
    index[#index + 1] = { language(path), address(path) .. (i > 1 and "#" .. heading.name or ""),
      i > 1 and first .. " · " .. plain(heading.title) or first, text }
  end
end

local CSS = [[
:root { --text: #1c2430; --soft: #55606e; --ground: #ffffff; --box: #f3f5f8; --line: #d5dbe3; --link: #0b5aa8;
  --c: #5c6673; --s: #0a6b3d; --k: #8a2c8f; }
@media (prefers-color-scheme: dark) { :root { --text: #dfe5ec; --soft: #a3adb9; --ground: #14181e; --box: #1d232b;
  --line: #38414d; --link: #7db8f5; --c: #98a3b0; --s: #7fd1a0; --k: #dc9be0; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body { margin: 0; color: var(--text); background: var(--ground); font: 17px/1.6 system-ui, sans-serif; }
a { color: var(--link); }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--ground); z-index: 3; }
header { position: sticky; top: 0; z-index: 2; display: flex; gap: 1rem; align-items: center; padding: .5rem 1rem;
  background: var(--ground); border-bottom: 1px solid var(--line); }
.name { font-weight: 700; text-decoration: none; color: var(--text); }
form { margin: 0; flex: 1; max-width: 28rem; }
input { width: 100%; font: inherit; padding: .25rem .6rem; color: var(--text); background: var(--box);
  border: 1px solid var(--soft); border-radius: 6px; }
header > a:last-child { margin-left: auto; }
#found { position: fixed; top: 3.3rem; left: 0; right: 0; max-height: 75vh; overflow: auto; z-index: 2; padding: .5rem 1rem;
  background: var(--ground); border-bottom: 2px solid var(--line); }
#found a { display: block; padding: .35rem 0; text-decoration: none; }
#found small { display: block; color: var(--soft); }
.columns { display: flex; max-width: 76rem; margin: 0 auto; }
nav { width: 12rem; flex: none; padding: 1.5rem 1rem; position: sticky; top: 3.2rem; align-self: flex-start; }
nav a { display: block; padding: .2rem 0; text-decoration: none; }
nav a[aria-current] { font-weight: 700; color: var(--text); }
.menu { display: none; }
main { flex: 1; min-width: 0; max-width: 60rem; padding: 1rem 1.5rem 4rem; }
h1, h2, h3 { line-height: 1.25; margin: 2rem 0 .6rem; }
h1 { margin-top: .8rem; font-size: 1.9rem; }
h2 { font-size: 1.4rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { font-size: 1.1rem; }
p, li { overflow-wrap: break-word; }
code { font: .85em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; background: var(--box); padding: .1em .25em;
  border-radius: 4px; }
pre { overflow-x: auto; background: var(--box); padding: .8rem 1rem; border-radius: 8px; border: 1px solid var(--line); }
pre code { padding: 0; background: none; white-space: pre; line-height: 1.3; }
.language-output { color: var(--soft); }
.c { color: var(--c); } .s { color: var(--s); } .k { color: var(--k); }
img { max-width: 100%; background: #fff; border-radius: 6px; padding: .3rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92em; }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem; border-bottom: 1px solid var(--line); }
.contents { background: var(--box); border-radius: 8px; padding: .5rem 1rem; columns: 14rem; }
.contents a { display: block; text-decoration: none; }
@media (max-width: 52rem) {
  .columns { display: block; }
  .menu { display: block; padding: .6rem 1rem 0; }
  nav { display: none; position: static; width: auto; padding: .3rem 1rem; columns: 2; }
  .menu[open] + nav { display: block; }
  main { padding: .5rem 1rem 3rem; }
}
]]

-- The words of a search may stand anywhere; titles count more. The index is asked for at the first letter.
local JS = [[
"use strict";
(() => {
  const script = document.currentScript, root = script.dataset.root;
  const field = document.getElementById("search"), box = document.getElementById("found");
  const lang = document.documentElement.lang.slice(0, 2);
  const contents = document.querySelector(".contents");
  if (contents && innerWidth < 832) contents.open = false;
  let asked = false;
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(w => w);
    box.hidden = words.length === 0;
    if (words.length === 0 || !window.pages) return;
    const hits = [];
    for (const [language, url, title, text] of window.pages) {
      const head = title.toLowerCase(), all = head + " " + url + " " + text.toLowerCase();
      if (!words.every(w => all.includes(w))) continue;
      let score = language === lang ? 2 : 0;
      for (const w of words) score += head.endsWith(w) ? 8 : head.includes(w) ? 4 : url.includes(w) ? 5 : 0;
      hits.push([score - title.length / 200, url, title, text]);
    }
    hits.sort((a, b) => b[0] - a[0]);
    box.replaceChildren(...hits.slice(0, 30).map(([, url, title, text]) => {
      const a = document.createElement("a"), small = document.createElement("small");
      a.href = root + url;
      a.textContent = title;
      small.textContent = text.slice(0, 140);
      a.append(small);
      return a;
    }));
    if (hits.length === 0) box.textContent = lang === "pt" ? "Nada foi encontrado." : "Nothing was found.";
  };
  field.addEventListener("input", () => {
    if (asked) return show();
    asked = true;
    const s = document.createElement("script");
    s.src = root + "search.js";
    s.onload = show;
    document.head.append(s);
  });
  field.form.addEventListener("submit", event => {
    event.preventDefault();
    const first = box.querySelector("a");
    if (first) location.href = first.href;
  });
  document.addEventListener("keydown", event => {
    if (event.key === "Escape") { field.value = ""; show(); }
    if (event.key === "/" && document.activeElement.tagName !== "INPUT") { event.preventDefault(); field.focus(); }
  });
  box.addEventListener("click", () => { box.hidden = true; });
})();
]]

os.execute("rm -rf " .. quote(out))
for _, path in ipairs(paths) do one(path) end
write("site.css", CSS)
write("site.js", JS)
local entries = {}
for i, entry in ipairs(index) do entries[i] = require("rnn").json_encode(entry) end
write("search.js", "window.pages = [\n" .. table.concat(entries, ",\n") .. "\n];\n")
print(("%s: %d pages, %d things to search for"):format(out, #paths, #index))
