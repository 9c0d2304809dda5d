"""What a client can do, written once as coroutines: called over a `Blocking` line, awaited over an `Awaiting` one.

`@operation` and `@listing` stand over the methods of what is bound to a line. What such a method gives its caller
follows from the line: its answer or an awaitable of it, an iterator or an asynchronous one. Type checkers know which.
"""

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast, overload

from sepme.client.connection import Awaiting, Blocking, Connection

C = TypeVar("C", bound=Connection)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Bound(Generic[C]):
    """Something that asks a service by itself.

    Attributes:
        connection: The line to it.
    """

    connection: C = field(repr=False, compare=False)


class operation(Generic[P, T]):  # noqa: N801  (a decorator)
    """A method that asks, and answers once."""

    def __init__(self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        self._method = method
        functools.update_wrapper(cast("Callable[..., Any]", self), method)

    @overload
    def __get__(self, instance: Bound[Blocking], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Bound[Awaiting], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    def __get__(self, instance: Bound[Any] | None, owner: type) -> Any:
        """The method of an instance, as its line has it."""
        return self if instance is None else _bound(self._method, instance, finish)


class listing(Generic[P, T]):  # noqa: N801  (a decorator)
    """A method that gives one thing after another."""

    def __init__(self, method: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> None:
        self._method = method
        functools.update_wrapper(cast("Callable[..., Any]", self), method)

    @overload
    def __get__(self, instance: Bound[Blocking], owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: Bound[Awaiting], owner: type) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    def __get__(self, instance: Bound[Any] | None, owner: type) -> Any:
        """The method of an instance, as its line has it."""
        return self if instance is None else _bound(self._method, instance, iterate)


def _bound(method: Callable[..., Any], instance: Bound[Any], at_once: Callable[[Any], Any]) -> Callable[..., Any]:
    """A method of an instance: as it is over a line that awaits, else brought to its end at once."""
    bound: Callable[..., Any] = method.__get__(instance)
    if isinstance(instance.connection, Awaiting):
        return bound

    @functools.wraps(bound)
    def called(*arguments: Any, **named: Any) -> Any:
        return at_once(bound(*arguments, **named))

    return called


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine over a `Blocking` line returns: whatever it awaits is done at once, so it never stops midway."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    coroutine.close()
    raise RuntimeError("it waits for something that a blocking line does not have")


def iterate(source: AsyncIterator[T]) -> Iterator[T]:
    """What an asynchronous generator over a `Blocking` line gives, closed when nobody wants more."""
    try:
        while True:
            try:
                item = finish(_next(source))
            except StopAsyncIteration:
                return
            yield item
    finally:
        finish(_close(source))


async def _next(source: AsyncIterator[T]) -> T:
    return await anext(source)


async def _close(source: AsyncIterator[Any]) -> None:
    await cast("AsyncGenerator[Any, None]", source).aclose()
