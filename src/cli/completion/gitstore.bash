# Completion for gitstore in Bash. Switch it on in ~/.bashrc:
#   eval "$(gitstore completion bash)"

_gitstore() {
  local line mode
  COMPREPLY=()
  {
    IFS= read -r mode
    while IFS= read -r line; do COMPREPLY+=("$line"); done
  } < <(gitstore __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  # Files are completed by Bash itself. Its versions before 4 have no compopt.
  case $mode in
    file) compopt +o nospace 2>/dev/null ;;
    directory) compopt -o dirnames +o default 2>/dev/null ;;
    *) compopt +o default 2>/dev/null ;;
  esac
  return 0
}

complete -o default -o nospace -F _gitstore gitstore vost
