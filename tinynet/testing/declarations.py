"""The rules that what a layer learns is a parameter, and what it remembers is in its buffers."""

from tinynet.layers.consistency import own_arrays, undeclared_parameter, undeclared_state
from tinynet.testing.report import Fault
from tinynet.testing.rules import rule
from tinynet.testing.trial import Trial, generator_states


@rule("gradient")
def undeclared(t: Trial) -> None:
    """Each array that backward makes a gradient for is a declared parameter."""
    layer = t.new()
    arrays = [own_arrays(layer)]
    t.forward(layer)
    arrays.append(own_arrays(layer))
    t.backward(layer)
    arrays.append(own_arrays(layer))
    if wrong := undeclared_parameter(arrays[0], arrays[1], arrays[2]):
        raise Fault("gradient", *_text_and_hint(wrong))


@rule("buffers")
def buffers(t: Trial) -> None:
    """What a training pass changes, and later passes read, is named in buffers."""
    layer = t.new()
    t.forward(layer, t.other_inputs(len(t.x)))
    random = generator_states(t.start)  # then the rules about draws say more
    if not random and (wrong := undeclared_state(t.start, layer, t.x, "forward")):
        raise Fault("forward_twice", *_text_and_hint(wrong))
    if wrong := undeclared_state(t.start, layer, t.x, "predict"):
        raise Fault("buffers", *_text_and_hint(wrong))


def _text_and_hint(wrong: str) -> tuple[str, str]:
    text, _, hint = wrong.partition(". ")
    return f"{text}.", f"{hint}."
