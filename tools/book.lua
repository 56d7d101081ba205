-- book.lua - what tools/book changes on the way from a page of the kit to one of
-- the site.
--
-- Links lead to the site's pages: to lessons/03_gather.html for the .md of that
-- name, and to lessons/03_gather.c.html for a file that is no page. Which those
-- are is noted in the file BOOK_LINKED, for tools/book to make them.

local page = os.getenv('BOOK_PAGE')
local folder = page:match('^(.*)/[^/]*$')

-- The path from the kit's root of what the page calls target.
local function from_root(target)
  local parts = {}
  for part in ((folder and folder .. '/' or '') .. target):gmatch('[^/]+') do
    if part == '..' then
      table.remove(parts)
    elseif part ~= '.' then
      table.insert(parts, part)
    end
  end
  return table.concat(parts, '/')
end

local function note(path)
  local list = assert(io.open(os.getenv('BOOK_LINKED'), 'a'))
  list:write(path, '\n')
  list:close()
end

function Link(link)
  local file, heading = link.target:match('^([^#]*)(.*)$')
  if file == '' or file:match('^%a+:') then
    return nil
  end
  if file:match('%.md$') then
    file = file:gsub('README%.md$', 'index.md'):gsub('%.md$', '.html')
  else
    file = file:gsub('/$', '')
    note(from_root(file))
    -- A folder has no suffix, and a file of the kit that is linked has one.
    file = file .. ((file:match('%.%a+$') or file:match('Makefile$'))
                    and '.html' or '/index.html')
  end
  link.target = file .. heading
  return link
end

-- What may be wider than a phone scrolls by itself, by keyboard, too.
local function scrolling(block)
  return pandoc.Div({block}, {class = 'scroll', tabindex = '0'})
end

function CodeBlock(block)
  return scrolling(block)
end

function Table(block)
  return scrolling(block)
end
