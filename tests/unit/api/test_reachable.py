"""What the public address tells of whether alerts can come in."""

from __future__ import annotations

import pytest

from api.system.reachable import obstacles


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("https://trade.example.org", []),
        ("https://93.184.216.34", []),
        ("http://trade.example.org", ["url.not_https"]),
        ("https://trade.example.org:8443", ["url.port"]),
        ("http://127.0.0.1:5001", ["url.port", "url.not_https", "url.private"]),
        ("http://localhost:5001", ["url.port", "url.not_https", "url.private"]),
        ("https://10.1.2.3", ["url.private"]),
        ("https://[2606:2800:220:1:248:1893:25c8:1946]", ["url.ipv6"]),
        ("https://[::1]", ["url.private"]),
        ("https://box.local", ["url.private"]),
        ("https://box", ["url.private"]),
    ],
)
def test_what_stands_in_an_alerts_way(url: str, codes: list[str]) -> None:
    found = obstacles(url)
    assert [each.code for each in found] == codes
    assert all(each.message for each in found)
