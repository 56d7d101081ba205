-- book-timelines.lua - draws the timelines on a page as SVG pictures.
--
-- What a lesson prints is read, not drawn anew: which tasks have a row, and what
-- each did when, has been decided by lib/async/timeline.c. BOOK_RUN names the
-- output of the page's lesson, printed wide, so that a column is a short moment;
-- a picture on the page is taken from there if it has the same rows and stands
-- below the same line that ends in a colon. One that the lesson does not print as
-- it stands (after a change that the page asks for), and those of lessons that
-- are not run, are drawn from the page's own text.

local CHART, ROW, SIGN = 560, 20, 7.4 -- widths and heights, in pixels at full size

-- What a sign stands for, as the class of a line in book.css.
local states = {
  ['_'] = 'ready', ['█'] = 'runs', ['~'] = 'waits', ['─'] = 'sleeps',
  ['·'] = 'tasks', ['░'] = 'permit', ['▒'] = 'thread', ['═'] = 'network',
}
local marks = {
  ['├'] = 'starts', ['┼'] = 'goes on', ['┤'] = 'ends', ['✗'] = 'fails',
  ['╱'] = 'is cancelled',
}
local levels = {
  ['▁'] = 1, ['▂'] = 2, ['▃'] = 3, ['▄'] = 4, ['▅'] = 5, ['▆'] = 6, ['▇'] = 7,
  ['█'] = 8,
}

-- ---- Reading -------------------------------------------------------------

local function characters(line)
  local list = {}
  for _, code in utf8.codes(line) do
    table.insert(list, utf8.char(code))
  end
  return list
end

local function is_axis(line)
  return line:match('^ +0 (%a+) +[%d.]+ %1') ~= nil
end

-- The numbers of the axis: where each begins and ends, from the chart's left.
local function read_axis(line, left)
  local numbers = {}
  for from, text, to in line:gmatch('()([%d.]+ %a+)()') do
    table.insert(numbers, {text = text, from = from - 1 - left,
                           to = to - 2 - left,
                           value = tonumber(text:match('^[%d.]+'))})
  end
  return numbers
end

local function read_row(line, left)
  local name = table.concat(characters(line), '', 1,
                            math.min(left, utf8.len(line)))
  if name:match('^%(') or name:match('^  failed') then
    return {note = line:match('^%s*(.-)%s*$')}
  end
  local all, cells = characters(line), {}
  for i = left + 1, #all do
    table.insert(cells, all[i])
  end
  return {name = name:match('^%s*(.-)%s*$'), cells = cells}
end

-- Splits a text into lines, and into pictures where there is an axis: a picture
-- goes from the last empty line before it to the next one.
local function read(text)
  local parts, lines, picture = {}, {}, nil
  for line in (text .. '\n'):gmatch('([^\n]*)\n') do
    if picture and line ~= '' then
      table.insert(picture.legend, line)
    elseif is_axis(line) then
      local left = #line:match('^ +')
      picture = {left = left, rows = {}, legend = {}, caption = ''}
      picture.axis = read_axis(line, left)
      while #lines > 0 and lines[#lines] ~= '' do
        table.insert(picture.rows, 1, read_row(table.remove(lines), left))
      end
      for _, before in ipairs(lines) do
        picture.caption = before:match('^(%S.*):$') or picture.caption
      end
      table.insert(parts, table.concat(lines, '\n'))
      table.insert(parts, picture)
      lines = {}
    else
      picture = nil
      table.insert(lines, line)
    end
  end
  table.insert(parts, table.concat(lines, '\n'))
  return parts
end

-- With ASYNC_TIMELINE a lesson draws also runs that have no picture on its page.
local function same_run(a, b)
  if a.caption ~= b.caption or #a.rows ~= #b.rows then
    return false
  end
  for i, row in ipairs(a.rows) do
    if row.name ~= b.rows[i].name then
      return false
    end
  end
  return true
end

-- ---- Drawing -------------------------------------------------------------

local function escape(text)
  return (text:gsub('&', '&amp;'):gsub('<', '&lt;'):gsub('>', '&gt;'))
end

-- The moment of a column, in the axis' unit, by the last number that stands
-- right at its moment: the very last may have been moved to the left.
local function moment(picture, column)
  local last = picture.axis[#picture.axis - 1]
  if last.from <= 0 then
    last = picture.axis[#picture.axis]
  end
  return column * last.value / last.from
end

-- A row in words, for those who do not see it.
local function describe(picture, row)
  if row.note then
    return row.note
  end
  local words, unit = {}, picture.axis[1].text:match('%a+')
  for column, cell in ipairs(row.cells) do
    if marks[cell] then
      table.insert(words, string.format('%s at %.1f %s', marks[cell],
                                        moment(picture, column - 1), unit))
    end
  end
  if #words > 12 then
    words = {words[1], (#words - 2) .. ' times goes on', words[#words]}
  end
  return row.name .. (#words > 0 and ': ' .. table.concat(words, ', ') or '')
end

local function mark(kind, x, y)
  local path = {
    starts = 'v-6v12', ends = 'v-6v12', ['goes on'] = 'm0-4v8',
    fails = 'm-4-4l8 8m0-8l-8 8', ['is cancelled'] = 'm-3 6l6-12',
  }
  return string.format('<path class="mark %s" d="M%.1f %.1f%s"/>',
                       kind:match('%S+$'), x, y, path[kind])
end

local function line(class, from, to, y)
  return string.format('<path class="%s" d="M%.1f %.1fH%.1f"/>', class, from,
                       y, to)
end

-- The lines of a row, each as long as the same sign goes on, and the marks on
-- them: a line reaches the middle of its neighbours.
local function draw_row(row, x, y)
  local out, start = {}, 1
  local counts = row.name:match(' up to %d+$')
  for i, cell in ipairs(row.cells) do
    if counts and levels[cell] then
      table.insert(out, string.format(
        '<path class="count" d="M%.1f %.1fV%.1fH%.1fV%.1fz"/>', x(i - .5), y + 8,
        y + 8 - 2 * levels[cell], x(i + .5), y + 8))
    elseif cell ~= row.cells[i + 1] then
      if states[cell] then
        table.insert(out, line(states[cell], x(start - .5), x(i + .5), y))
      end
      start = i + 1
    end
  end
  for i, cell in ipairs(row.cells) do
    if marks[cell] then
      table.insert(out, mark(marks[cell], x(i), y))
    end
  end
  return table.concat(out)
end

local function text(class, x, y, words)
  return string.format('<text class="%s" x="%.1f" y="%.1f">%s</text>', class,
                       x, y, escape(words))
end

local function draw_legend(picture, y, width)
  local out, at = {}, 0
  for _, entries in ipairs(picture.legend) do
    for sign, meaning in (entries .. '   '):gmatch('(%S+) (.-)   ') do
      local room = 34 + #meaning * SIGN
      if at > 0 and at + room > width then
        at, y = 0, y + ROW
      end
      if levels[sign] and meaning:match(' all ') or meaning == 'all of them' then
        table.insert(out, draw_row({name = ' up to 1', cells = {sign}},
                                   function(i) return at + 6 * i end, y - 4))
      elseif states[sign] then
        table.insert(out, line(states[sign], at, at + 18, y - 4))
      elseif marks[sign] then
        table.insert(out, mark(marks[sign], at + 9, y - 4))
      end
      table.insert(out, text('legend', at + 24, y, meaning))
      at = at + room
    end
  end
  return table.concat(out, '\n'), y
end

local pictures = 0

local function draw(picture)
  local left, columns = picture.left * SIGN, picture.axis[#picture.axis].to + 1
  for _, row in ipairs(picture.rows) do
    columns = math.max(columns, row.cells and #row.cells or 0)
  end
  local function x(column)
    return left + (column - .5) * CHART / columns
  end
  local out, words, y = {}, {}, 0
  for _, number in ipairs(picture.axis) do
    table.insert(out, string.format('<path class="grid" d="M%.1f 0V%d"/>',
      x(number.from + 1), #picture.rows * ROW))
  end
  for _, row in ipairs(picture.rows) do
    y = y + ROW
    if row.note then
      table.insert(out, text('note', 0, y - 5, row.note))
    else
      table.insert(out, text('name', 0, y - 5, row.name))
      table.insert(out, draw_row(row, x, y - 10))
    end
    table.insert(words, describe(picture, row))
  end
  y = y + ROW
  local free = 0 -- from there on no number stands yet
  for i, number in ipairs(picture.axis) do
    local width, last = #number.text * SIGN, i > 1 and i == #picture.axis
    local at = last and left + CHART - width or x(number.from + 1) - width / 2
    if at >= free then
      table.insert(out, text('number', at, y - 4, number.text))
      free = at + width + 4
    end
  end
  local legend
  legend, y = draw_legend(picture, y + ROW, left + CHART)
  table.insert(out, legend)

  pictures = pictures + 1
  local id = 'timeline-' .. pictures
  local title = 'Timeline' ..
    (picture.caption ~= '' and ': ' .. picture.caption or '')
  return string.format('<figure class="scroll" tabindex="0">\n<svg role="img"' ..
    ' class="timeline" viewBox="0 0 %.0f %d" aria-labelledby="%s %s-words">\n' ..
    '<title id="%s">%s</title>\n<desc id="%s-words">%s.</desc>\n%s\n' ..
    '</svg>\n</figure>', left + CHART, y + 6, id, id, id, escape(title), id,
    escape(table.concat(words, '; ')), table.concat(out, '\n'))
end

-- ---- The page ------------------------------------------------------------

local printed = {}

do
  local name = os.getenv('BOOK_RUN')
  if name and name ~= '' then
    local file = assert(io.open(name))
    for _, part in ipairs(read(file:read('a'))) do
      if type(part) == 'table' then
        table.insert(printed, part)
      end
    end
    file:close()
  end
end

-- The lesson prints its pictures in the page's order, and may print more.
local function from_run(picture)
  for i, other in ipairs(printed) do
    if same_run(picture, other) then
      for _ = 1, i do
        table.remove(printed, 1)
      end
      return other
    end
  end
  return picture
end

function CodeBlock(block)
  local parts = read(block.text)
  if #parts == 1 then
    return nil
  end
  local blocks = {}
  for _, part in ipairs(parts) do
    if type(part) == 'table' then
      table.insert(blocks, pandoc.RawBlock('html', draw(from_run(part))))
    elseif part:match('%S') then
      part = part:gsub('^\n+', ''):gsub('\n+$', '')
      table.insert(blocks, pandoc.CodeBlock(part, block.attr))
    end
  end
  return blocks
end
