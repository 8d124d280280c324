"""``python -m verus_gateway.healthcheck [URL]``: ask a port of this machine whether it is well.

For container engines, which know only commands: an image needs neither curl nor a shell.
It imports little, because it is run every few seconds.
"""

import sys
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

DEFAULT: Final = "http://127.0.0.1:8080/health/ready"
SECONDS: Final = 2.5


def main(argv: Sequence[str]) -> int:
    """Ask once; the answer's status and the start of its body go to standard output.

    Args:
        argv: At most one URL; ``http`` only, for it never leaves the machine.

    Returns:
        The exit status: 0 where the answer is 200, 1 for any other or none, 2 for wrong usage.
    """
    url = urlsplit(argv[0] if argv else DEFAULT)
    if len(argv) > 1 or url.scheme != "http" or url.hostname is None:
        sys.stderr.write("usage: python -m verus_gateway.healthcheck [http://HOST:PORT/PATH]\n")
        return 2
    connection = HTTPConnection(url.hostname, url.port, timeout=SECONDS)
    try:
        connection.request("GET", url.path or "/")
        answer = connection.getresponse()
        said = answer.read(1024).decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        sys.stdout.write(f"{url.netloc} does not answer: {error}\n")
        return 1
    finally:
        connection.close()
    sys.stdout.write(f"{answer.status} {said}\n")
    return 0 if answer.status == 200 else 1  # noqa: PLR2004  http.HTTPStatus takes 3 ms to import


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
