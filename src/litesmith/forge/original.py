"""The original model as the application will see it: fed and read through the interface steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from litesmith.data import Array, TensorSpec
from litesmith.interface import Translation
from litesmith.sources import Source


@dataclass(frozen=True)
class Original:
    """The oracle: nothing here is computed by the graph that it is held against.

    Attributes:
        source: the model.
        fed: translations of the inputs, the model's side first.
        read: translations of the outputs, the model's side first.
    """

    source: Source
    fed: tuple[Translation, ...] = ()
    read: tuple[Translation, ...] = ()

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What the application feeds."""
        specs = self.source.info.inputs
        for one in self.fed:
            specs = one.fed(specs)
        return specs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What the application reads."""
        specs = self.source.info.outputs
        for one in self.read:
            specs = one.read(specs)
        return specs

    @property
    def answers(self) -> tuple[TensorSpec, ...]:
        """What is compared with the file's answers; the outputs, but for a model that was cut."""
        specs = self.source.info.outputs
        for one in self.read:
            specs = (one.compared or one.read)(specs)
        return specs

    def reading(self, *more: Translation) -> Original:
        """Return the model read through further translations."""
        return replace(self, read=(*self.read, *more))

    def run(self, batch: Sequence[Array]) -> list[Array]:
        """Return what the file should answer.

        Args:
            batch: what the application feeds, (k, *example_shape) per input.

        Returns:
            (k, *example_shape) per output, as `answers` says.
        """
        return self._stages(self.model(batch))[-1]

    def model(self, batch: Sequence[Array]) -> list[Array]:
        """Return the model's own outputs for what the application feeds."""
        values = list(batch)
        for one in reversed(self.fed):
            values = one.feed(values)
        return self.source.run(values)

    def compared(
        self, outputs: Sequence[Array], answers: Sequence[Array]
    ) -> tuple[list[Array], list[Array]]:
        """Return what should have been answered, and a file's answers in the same form.

        Args:
            outputs: the model's own, from `model`.
            answers: of a file.
        """
        stages = self._stages(outputs)
        values = list(answers)
        for one, before in zip(reversed(self.read), reversed(stages[:-1]), strict=True):
            values = one.seen(values, before)
        return stages[-1], values

    def _stages(self, outputs: Sequence[Array]) -> list[list[Array]]:
        """Return the model's outputs and what each translation makes of them."""
        stages = [list(outputs)]
        for one in self.read:
            stages.append(one.answer(stages[-1]))
        return stages
