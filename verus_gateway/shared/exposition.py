"""Prometheus' text format of several processes as one: each sample says whose it is."""

from collections.abc import Mapping


def merged(texts: Mapping[str, bytes], label: str) -> bytes:
    """Return the samples of all *texts*, each with *label* and the text's name as its value.

    A sum would fall when one process begins anew, and look like a reset of all of them.
    """
    heads: dict[bytes, list[bytes]] = {}
    samples: dict[bytes, list[bytes]] = {}
    for name, text in texts.items():
        own = f'{label}="{name}"'.encode()
        family = b""
        for line in text.splitlines():
            if line.startswith(b"#"):
                family = line.split(b" ", 3)[2]
                head = heads.setdefault(family, [])
                if line not in head:
                    head.append(line)
            elif line:
                samples.setdefault(family, []).append(_labelled(line, own))
    lines = [line for family, head in heads.items() for line in (*head, *samples.get(family, ()))]
    return b"\n".join([*lines, b""])


def _labelled(line: bytes, own: bytes) -> bytes:
    name, brace, rest = line.partition(b"{")
    if brace:
        return b"%b{%b,%b" % (name, own, rest)
    name, _, value = line.partition(b" ")
    return b"%b{%b} %b" % (name, own, value)
