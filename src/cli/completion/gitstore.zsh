#compdef gitstore vost
# Completion for gitstore in Zsh. Switch it on in ~/.zshrc, after compinit:
#   source <(gitstore completion zsh)

_gitstore() {
  local -a lines whole whole_shown partial partial_shown
  local line value shown
  lines=("${(@f)$(gitstore __complete zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  for line in "${(@)lines[2,-1]}"; do
    [[ -n $line ]] || continue
    value=${line%%$'\t'*}
    shown=$value
    [[ $line == *$'\t'* ]] && shown="$value  -- ${line#*$'\t'}"
    if [[ $value == *[/:=] ]]; then
      partial+=("$value")
      partial_shown+=("$shown")
    else
      whole+=("$value")
      whole_shown+=("$shown")
    fi
  done
  if (( $#whole + $#partial )); then
    (( $#whole )) && compadd -l -d whole_shown -a whole
    (( $#partial )) && compadd -S '' -l -d partial_shown -a partial
    return 0
  fi
  case ${lines[1]} in
    file) _files ;;
    directory) _files -/ ;;
  esac
}

if [[ $funcstack[1] == _gitstore ]]; then
  _gitstore "$@"
else
  compdef _gitstore gitstore vost
fi
