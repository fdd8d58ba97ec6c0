"""The proxy configured in QGIS."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsNetworkAccessManager
from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtNetwork import QNetworkProxy, QNetworkProxyFactory, QNetworkProxyQuery

from ..environment.sources import Proxy

ADDRESS = "https://download.pytorch.org"


def proxy_of_qgis() -> Proxy:
    """Return the proxy of *Settings > Options > Network*, or the system's when QGIS uses that; empty for none."""
    manager: Any = QgsNetworkAccessManager.instance()
    found = manager.fallbackProxy()
    kinds = QNetworkProxy.ProxyType
    if found.type() == kinds.DefaultProxy:
        # QGIS leaves it to the system, which may name several and uses the first.
        found = next(iter(QNetworkProxyFactory.systemProxyForQuery(QNetworkProxyQuery(QUrl(ADDRESS)))), found)
    if found.type() in (kinds.NoProxy, kinds.DefaultProxy) or not found.hostName():
        return Proxy()
    scheme = "socks5" if found.type() == kinds.Socks5Proxy else "http"
    return Proxy(found.hostName(), found.port(), found.user(), found.password(), scheme)
