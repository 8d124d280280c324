# Build the images of the stack: docker-build.ps1 [gateway] [verus] [caddy] [dev]
$root = Split-Path -Parent (Split-Path -Parent $PSScriptRoot)
$files = @{ gateway = "Dockerfile"; dev = "Dockerfile.dev"; verus = "Dockerfile.verus"; caddy = "Dockerfile.caddy" }
$names = @{ gateway = "verus-gateway"; dev = "verus-gateway-dev"; verus = "verus-daemon"; caddy = "verus-caddy" }
$services = if ($args.Count -gt 0) { $args } else { @("gateway", "verus", "caddy") }
$env:DOCKER_BUILDKIT = "1"
foreach ($service in $services) {
    if (-not $files.ContainsKey($service)) {
        [Console]::Error.WriteLine("docker-build: there is no ${service}: gateway, dev, verus, caddy")
        exit 2
    }
    & docker build --quiet -f "$root/compose/$($files[$service])" -t "$($names[$service]):latest" $root
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}
exit 0
