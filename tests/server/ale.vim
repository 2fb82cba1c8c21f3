" Drives Vim with ALE, without a screen: open a file, wait for what is found, tell it as JSON.
set nocompatible hidden encoding=utf-8
packadd ale
let g:ale_linters_explicit = 1
let g:ale_linters = {'python': ['smellcheck']}
filetype plugin on
call ale#linter#Define('python', {
\   'name': 'smellcheck',
\   'lsp': 'stdio',
\   'executable': $SMELLCHECK,
\   'command': '%e -m smellcheck server',
\   'project_root': {buffer -> fnamemodify(bufname(buffer), ':p:h')},
\})
execute 'edit' fnameescape($SMELLCHECK_FILE)
set filetype=python
ALELint
let s:left = 600
while s:left > 0 && empty(ale#engine#GetLoclist(bufnr('')))
  sleep 200m
  let s:left -= 1
endwhile
let s:found = map(copy(ale#engine#GetLoclist(bufnr(''))), {_, one -> [one.lnum, one.col, get(one, 'code', ''), one.text]})
call writefile([json_encode(s:found)], $SMELLCHECK_OUT)
qall!
