#!/bin/sh
# Run auto-config.py with whichever Python 3 is here; every flag is passed through.
for python in python3 python; do
  if command -v "$python" >/dev/null 2>&1; then
    exec "$python" "$(dirname "$0")/auto-config.py" "$@"
  fi
done
echo "auto-config: Python 3.9 or later is needed" >&2
exit 2
