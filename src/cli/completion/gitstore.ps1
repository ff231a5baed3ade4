# Completion for gitstore in PowerShell. Switch it on in $PROFILE:
#   gitstore completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName 'gitstore', 'vost' -ScriptBlock {
    param($word, $ast, $cursor)
    $plain = { param($text) if ($text -match '^([''"])(.*?)\1?$') { $Matches[2] } else { $text } }
    $words = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursor } |
        ForEach-Object { & $plain $_.Extent.Text })
    # Arguments that are empty, or hold quotes, reach a program in various forms: it takes them from here.
    $env:GITSTORE_COMPLETE = ($words + (& $plain $word)) -join "`n"
    $encoding = [Console]::OutputEncoding
    [Console]::OutputEncoding = [Text.Encoding]::UTF8
    try {
        $lines = @(gitstore __complete powershell 2>$null)
    } finally {
        [Console]::OutputEncoding = $encoding
        Remove-Item Env:GITSTORE_COMPLETE
    }
    # Without an answer PowerShell offers files.
    $lines | Select-Object -Skip 1 | ForEach-Object {
        $value, $note = $_ -split "`t", 2
        if (-not $note) { $note = $value }
        $text = $value
        if ($value -notmatch '^[\w./:~=+-]+$') { $text = "'" + $value.Replace("'", "''") + "'" }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $note)
    }
}
