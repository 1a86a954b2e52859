"""A store whose failures are counted, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from cencomm_config.errors import StoreDown

from cencomm_server.store.port import Store


class CountedStore:
    """Passes every call on; `failed` is called where one raises StoreDown."""

    def __init__(self, store: Store, failed: Callable[[], None]) -> None:
        """All methods of the port are coroutines."""
        self._store, self._failed = store, failed

    def as_store(self) -> Store:
        """The port, as its users see it."""
        return cast(Store, self)

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Awaitable[Any]] = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return await method(*args, **kwargs)
            except StoreDown:
                self._failed()
                raise

        setattr(self, name, call)  # looked up once
        return call
