# Completion for gitstore in fish. Switch it on:
#   gitstore completion fish > ~/.config/fish/completions/gitstore.fish

function __gitstore_complete
    set -l typed (commandline -ct)
    # A quote may be open.
    set -l word (string unescape -- "$typed" 2>/dev/null; or string trim --left --chars "'\"" -- "$typed")
    set -l lines (gitstore __complete fish (commandline -opc) "$word" 2>/dev/null)
    if test (count $lines) -gt 1
        printf '%s\n' $lines[2..-1]
    else if test "$lines[1]" = file
        __fish_complete_path "$word"
    else if test "$lines[1]" = directory
        __fish_complete_directories "$word"
    end
end

complete -c gitstore -f -a '(__gitstore_complete)'
complete -c vost -f -a '(__gitstore_complete)'
