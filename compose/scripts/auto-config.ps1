# Run auto-config.py with whichever Python 3 is here; every flag is passed through.
$script = Join-Path $PSScriptRoot "auto-config.py"
foreach ($python in @("python3", "python", "py")) {
    if (Get-Command $python -ErrorAction SilentlyContinue) {
        & $python $script @args
        exit $LASTEXITCODE
    }
}
[Console]::Error.WriteLine("auto-config: Python 3.9 or later is needed")
exit 2
