-- Drives the built-in client of Neovim 0.7 and later: open a file, wait for diagnostics, apply actions, tell as JSON.
local file, command, out = vim.env.SMELLCHECK_FILE, vim.fn.json_decode(vim.env.SMELLCHECK_COMMAND), vim.env.SMELLCHECK_OUT

local function wait(what, fine)
  if not vim.wait(120000, fine, 50) then
    vim.fn.writefile({ vim.fn.json_encode({ failed = what }) }, out)
    vim.cmd("cquit!")
  end
end

vim.cmd("edit " .. vim.fn.fnameescape(file))
vim.bo.filetype = "python"
local buffer = vim.api.nvim_get_current_buf()
local id = vim.lsp.start_client({ name = "smellcheck", cmd = command, root_dir = vim.fn.fnamemodify(file, ":h") })
vim.lsp.buf_attach_client(buffer, id)
wait("diagnostics", function() return #vim.diagnostic.get(buffer) > 0 end)

local told = {}
for _, one in ipairs(vim.diagnostic.get(buffer)) do
  local line = vim.api.nvim_buf_get_lines(buffer, one.lnum, one.lnum + 1, false)[1]
  table.insert(told, { message = one.message, text = line:sub(one.col + 1, one.end_col), severity = one.severity })
end

local client = vim.lsp.get_client_by_id(id)
local function act(kind, line, column, last)
  local where = { start = { line = line, character = column }, ["end"] = last or { line = line, character = column } }
  local params = {
    textDocument = vim.lsp.util.make_text_document_params(buffer), range = where,
    context = { diagnostics = {}, only = { kind } },
  }
  local answer = client.request_sync("textDocument/codeAction", params, 120000, buffer)
  local action = answer.result[1]
  if not action.edit then
    action = client.request_sync("codeAction/resolve", action, 120000, buffer).result
  end
  vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
  return action.title
end

local fixed = act("source.fixAll", 0, 0)
local text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n") .. "\n"
wait("fewer diagnostics", function() return #vim.diagnostic.get(buffer) < #told end)
local last = vim.diagnostic.get(buffer)[1]
local quick = act("quickfix", last.lnum, last.col)
local after = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n") .. "\n"
wait("no diagnostics", function() return #vim.diagnostic.get(buffer) == 0 end)
local found = { told = told, fixed = fixed, text = text, quick = quick, after = after, encoding = client.offset_encoding }
vim.fn.writefile({ vim.fn.json_encode(found) }, out)
vim.cmd("qall!")
