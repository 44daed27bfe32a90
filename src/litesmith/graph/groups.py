"""Tensors that share something, as disjoint sets."""

from __future__ import annotations

from litesmith.graph.model import Tensor


class Groups:
    """Disjoint sets of tensors that must share one scale."""

    def __init__(self) -> None:
        self._parent: dict[Tensor, Tensor] = {}

    def find(self, tensor: Tensor) -> Tensor:
        """Return the representative of the tensor's set."""
        parent = self._parent.setdefault(tensor, tensor)
        while parent is not self._parent[parent]:
            self._parent[parent] = self._parent[self._parent[parent]]
            parent = self._parent[parent]
        return parent

    def join(self, tensors: tuple[Tensor, ...]) -> None:
        """Merge the sets of all these tensors."""
        first = self.find(tensors[0])
        for tensor in tensors[1:]:
            self._parent[self.find(tensor)] = first

    def of(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensor's set."""
        root = self.find(tensor)
        return [t for t in self._parent if self.find(t) is root]

    def sets(self) -> list[list[Tensor]]:
        """Return the sets, in the order their first members were seen."""
        found: dict[Tensor, list[Tensor]] = {}
        for tensor in self._parent:
            found.setdefault(self.find(tensor), []).append(tensor)
        return list(found.values())
