"""Tasks as bytes: what they share is taken out of them, and sent to the workers once.

Results are pickled too. So a worker that does a task again, because another died, starts from what the task was,
whatever `combine` did meanwhile to the states that it was given.
"""

import io
import pickle
import socket
import uuid
import warnings
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import Any

import cloudpickle
import numpy as np

from consilience.engine.execution.code import Code, check, running
from consilience.engine.execution.graph import Tasks
from consilience.engine.linalg import one_thread

BIG, SMALL = 2**18, 2**10  # bytes: of an array that is sent by itself, of an object that is not
PLAIN = (int, float, complex, str, bytes, slice, range, type(None), type, np.ndarray)
PASSES = 2  # so many passes' shared objects a worker keeps

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Shared:
    """An object that several tasks are called with, pickled."""

    payload: bytes


class Shipment:
    """What was sent, by token. Of an array that is gone here the copy there is given up.

    `send` puts values where every worker finds them, and returns a handle for each.
    """

    def __init__(self, send: Callable[[list[Any]], list[Any]]):
        self._send = send
        self._known: dict[int, tuple[Any, str]] = {}
        self._handles: dict[str, Any] = {}

    def token(self, array: np.ndarray) -> str:
        """What stands for the array in tasks."""
        number = id(array)
        if number not in self._known:
            token = uuid.uuid4().hex

            def gone(_: object) -> None:
                self._known.pop(number, None)
                self._handles.pop(token, None)

            self._known[number] = weakref.ref(array, gone), token
        return self._known[number][1]

    def sent(self, values: Values) -> list[Any]:
        """The handles of all `values`, once those are sent that were not; arrays are remembered."""
        new = [token for token in values if token not in self._handles]
        made = dict(zip(new, self._send([values[token] for token in new]))) if new else {}
        self._handles |= {token: h for token, h in made.items() if isinstance(values[token], np.ndarray)}
        return [made[token] if token in made else self._handles[token] for token in values]

    def forget(self) -> None:
        """Send everything anew: it may have been lost there, or changed here."""
        self._known.clear()
        self._handles.clear()


class _Pickler(cloudpickle.Pickler):
    """Puts tokens in the place of large arrays, and of objects that have one; `values` are what they stand for."""

    def __init__(self, file: io.BytesIO, shipment: Shipment, shared: Mapping[int, tuple[str, Any]]):
        super().__init__(file, protocol=5)
        self.shipment, self.shared = shipment, shared
        self.values: dict[str, Any] = {}

    def persistent_id(self, thing: Any) -> str | None:
        if id(thing) in self.shared:
            token, values = self.shared[id(thing)]
            self.values |= values
            return token
        if isinstance(thing, np.ndarray) and thing.nbytes >= BIG:
            token = self.shipment.token(thing)
            self.values[token] = thing
            return token
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, payload: bytes, values: Values, of: str):
        super().__init__(io.BytesIO(payload))
        self.values, self.of = values, of

    def persistent_load(self, token: Any) -> Any:
        value = self.values[token]
        return _kept(token, value, self.values, self.of) if isinstance(value, Shared) else value


_KEPT: OrderedDict[str, dict[str, Any]] = OrderedDict()
_LOCK = RLock()


def _kept(token: str, value: Shared, values: Values, of: str) -> Any:
    """The object, the same for all tasks of a pass in this process: they share its pools and bounds, as threads do."""
    with _LOCK:
        objects = _KEPT.setdefault(of, {})
        _KEPT.move_to_end(of)
        while len(_KEPT) > PASSES:
            _KEPT.popitem(last=False)
        if token not in objects:
            objects[token] = _Unpickler(value.payload, values, of).load()
        return objects[token]


@dataclass(frozen=True)
class Result:
    """What a task returned, pickled. Its large arrays are beside that, where a cluster moves them without a copy."""

    payload: bytes
    arrays: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, thing: Any) -> "Result":
        arrays: list[np.ndarray] = []

        def inside(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < BIG:
                return True
            arrays.append(np.frombuffer(raw, np.uint8))
            return False

        payload = cloudpickle.dumps(thing, protocol=5, buffer_callback=inside)
        return cls(payload, tuple(arrays))

    def value(self) -> Any:
        """A copy, which is the caller's own to write into."""
        return pickle.loads(self.payload, buffers=[array.copy() for array in self.arrays])


@dataclass(frozen=True)
class Task:
    """One call, in bytes; called on a worker with the values of its tokens. `of` names the pass."""

    payload: bytes
    tokens: tuple[str, ...]
    of: str
    code: Code

    def __call__(self, *values: Any) -> Result:
        function, arguments = self._loaded(values)
        return self._alone(function, *arguments)

    def _loaded(self, values: Sequence[Any]) -> Any:
        _settled(self.code)
        return _Unpickler(self.payload, dict(zip(self.tokens, values)), self.of).load()

    def _alone(self, function: Callable[..., Any], *arguments: Any) -> Result:
        with one_thread():  # the tasks are the threads
            return Result.of(function(*arguments))


@dataclass(frozen=True)
class Fold(Task):
    """As `Task`, for the function that combines results; called with a list of these first."""

    def __call__(self, results: list[Result], *values: Any) -> Result:
        return self._alone(self._loaded(values), [result.value() for result in results])


@cache
def _settled(code: Code) -> None:
    """Once in a worker: whether it runs what the task was made by. A worker may have come after all were asked."""
    check(f"the worker on {socket.gethostname()}", running(), code)
    # Arrays that were sent are read-only, as those of tables are: no task writes into what others read.
    warnings.filterwarnings("ignore", "The given NumPy array is not writable")


class Load:
    """The tasks of one pass, each with the handles of what it is called with; `fold` combines them, with `beside`."""

    def __init__(self, given: Tasks, shipment: Shipment):
        function, calls, combine = given
        self._shipment, self._pass = shipment, uuid.uuid4().hex
        self._shared: dict[int, tuple[str, dict[str, Any]]] = {}
        times = Counter(number for call in calls for number in {id(x) for x in call})
        several = {id(x): x for call in calls for x in call if times[id(x)] > 1}
        for number, thing in several.items():
            payload, values = (b"", {}) if isinstance(thing, PLAIN) else self._pickled(thing)
            if len(payload) > SMALL:
                token = uuid.uuid4().hex
                self._shared[number] = token, {token: Shared(payload), **values}
        parts = [self._pickled((function, call)) for call in calls]
        fold = self._pickled(combine)
        every = {token: value for _, values in (*parts, fold) for token, value in values.items()}
        handles = dict(zip(every, shipment.sent(every)))
        self.tasks = [self._made(Task, *part, handles) for part in parts]
        self.fold, *self.beside = self._made(Fold, *fold, handles)

    def _made(self, kind: type[Task], payload: bytes, values: Values, handles: Values) -> tuple[Any, ...]:
        return kind(payload, tuple(values), self._pass, running()), *(handles[token] for token in values)

    def _pickled(self, thing: Any) -> tuple[bytes, dict[str, Any]]:
        file = io.BytesIO()
        pickler = _Pickler(file, self._shipment, self._shared)
        pickler.dump(thing)
        return file.getvalue(), pickler.values
