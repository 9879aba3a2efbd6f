"""An attribute that is computed when it is first asked for, and by no lock held back."""

import threading
from dataclasses import dataclass

from fastgmm.lazy import lazy


@dataclass(frozen=True)
class Square:
    """A frozen value, as those that use it are."""

    side: float

    @lazy
    def area(self) -> list[float]:
        """What the square covers."""
        return [self.side**2]


def test_it_is_computed_once_for_each_object() -> None:
    one, other = Square(2.0), Square(3.0)
    assert "area" not in vars(one)
    assert one.area == [4.0]
    assert one.area is one.area
    assert other.area == [9.0]


def test_it_can_be_set_and_forgotten() -> None:
    square = Square(2.0)
    square.__dict__["area"] = [1.0]
    assert square.area == [1.0]
    del square.__dict__["area"]
    assert square.area == [4.0]


def test_the_class_shows_what_it_is() -> None:
    assert isinstance(Square.area, lazy)
    assert Square.area.__doc__ == "What the square covers."


def test_objects_do_not_wait_for_each_other() -> None:
    begun, other_done = threading.Event(), threading.Event()

    class Slow:
        first = False

        @lazy
        def value(self) -> bool:
            if self.first:
                begun.set()
                return other_done.wait(10.0)
            return True

    first, second = Slow(), Slow()
    first.first = True
    thread = threading.Thread(target=lambda: first.value)
    thread.start()
    assert begun.wait(10.0)
    assert second.value
    other_done.set()
    thread.join()
    assert first.value
