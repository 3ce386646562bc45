"""Where spins sit and which of them are neighbours: chain, ring, square, torus, or any graph."""

from dataclasses import dataclass

from dysyr.core.errors import InputError
from dysyr.core.system_schema import table_of, unknown_entry

MAX_SPINS = 30
"""Most sites of a system file; a method may take fewer."""

BOUNDARIES = ("open", "periodic")
_KEYS = ("shape", "boundary", "n_sites", "edges")
SIZES = {1: ("n_sites",), 2: ("n_rows", "n_columns")}
"""Names of the sizes of a lattice of one or two axes, as ``System.with_size`` takes them."""


@dataclass(frozen=True)
class SpinLattice:
    """Sites and bonds.

    Attributes:
        shape: (n,) of a chain or ring, (rows, columns) of a square or torus, (n,) of a graph.
        boundary: "open" or "periodic"; None for a graph.
        bonds: tuple of pairs of sites.
    """

    shape: tuple
    boundary: str | None
    bonds: tuple

    @property
    def n_sites(self):
        """Number of sites."""
        return self.shape[0] * (self.shape[1] if len(self.shape) == 2 else 1)

    @property
    def sizes(self):
        """Dict from name to size that ``System.with_size`` may change."""
        return dict(zip(SIZES[len(self.shape)], self.shape, strict=True)) if self.boundary else {}

    def __str__(self):
        if self.boundary is None:
            return f"graph of {self.n_sites} sites and {len(self.bonds)} bonds"
        names = {("open", 1): "chain", ("periodic", 1): "ring", ("open", 2): "square", ("periodic", 2): "torus"}
        return f"{names[self.boundary, len(self.shape)]} of {' x '.join(map(str, self.shape))} sites"

    def places(self, on, n_operators, what):
        """The sites that a term acts on.

        Args:
            on: "sites", "bonds", one place as a list of sites, or a list of such lists; -1 is the last site.
            n_operators: number of sites of the operator.
            what: name for messages.

        Returns:
            tuple of tuples of sites.

        Raises:
            InputError: sites that are not there or named twice in a place, or another number of them.
        """
        if on == "sites":
            places = [(site,) for site in range(self.n_sites)]
        elif on == "bonds":
            places = list(self.bonds)
        else:
            places = on if isinstance(on, list) and on and isinstance(on[0], list) else [on]
            places = [self._place(place, what) for place in places]
        for place in places:
            if len(place) != n_operators:
                raise InputError(
                    f"{what} acts on {n_operators} site{'s' if n_operators > 1 else ''}",
                    got=f"on = {on!r}"[:60], expected=_EXPECTED,
                )  # fmt: skip
        if not places:
            raise InputError(f"{what} acts nowhere", got=f"on = {on!r}"[:60], expected="a lattice with bonds")
        return tuple(places)

    def _place(self, place, what):
        if not isinstance(place, list) or not place or not all(type(site) is int for site in place):
            raise InputError(f"on of {what}", got=repr(place)[:60], expected=_EXPECTED)
        n = self.n_sites
        for site in place:
            if not -n <= site < n:
                raise InputError(f"site {site} of {what} is not there", expected=f"0 to {n - 1}, or -{n} to -1")
        sites = tuple(site % n for site in place)
        if len(set(sites)) < len(sites):
            raise InputError(f"a site of {what} is named twice", got=repr(place)[:60])
        return sites


_EXPECTED = '"sites", "bonds", a list of sites for one place, or a list of such lists'


def read_spin_lattice(definition):
    """The lattice of a definition of kind open_quantum.

    Args:
        definition: dict with the table ``lattice``: either shape and boundary, or n_sites and edges.

    Returns:
        SpinLattice.

    Raises:
        InputError: unknown or missing entries, or a periodic side of one or two sites, whose bonds would count twice.
    """
    table = table_of(definition, "lattice", required=True)
    for key in table:
        if key not in _KEYS:
            raise unknown_entry("key in [lattice]", key, _KEYS)
    if ("shape" in table) == ("edges" in table):
        raise InputError(
            "[lattice] needs one of shape and edges", got=", ".join(table) or "nothing",
            expected="shape = [4] and a boundary, or n_sites = 4 and edges = [[0, 1], ...]",
        )  # fmt: skip
    return _graph(table) if "edges" in table else _regular(table)


def _regular(table):
    shape, boundary = table["shape"], table.get("boundary")
    if "n_sites" in table:
        raise InputError("[lattice] has n_sites and shape", do="leave out n_sites")
    good = isinstance(shape, list) and len(shape) in SIZES and all(type(n) is int and n >= 1 for n in shape)
    if not good:
        raise InputError("[lattice] shape", got=repr(shape)[:60], expected="[n] or [rows, columns]")
    if boundary not in BOUNDARIES:
        raise InputError("[lattice] boundary", got=repr(boundary)[:60], expected=" or ".join(BOUNDARIES))
    _check_number(shape[0] * (shape[1] if len(shape) == 2 else 1))
    if boundary == "periodic" and min(shape) < 3:
        raise InputError(
            f"a periodic side of {min(shape)} site{'s' if min(shape) > 1 else ''}",
            got=f"shape = {shape}", expected="at least 3 along each periodic side: with two, each bond counts twice",
            do='write boundary = "open", or list the edges',
        )  # fmt: skip
    rows, columns = shape if len(shape) == 2 else (1, shape[0])
    bonds = []
    for i in range(rows):
        for j in range(columns):
            if j + 1 < columns or boundary == "periodic":
                bonds.append((i * columns + j, i * columns + (j + 1) % columns))
            if len(shape) == 2 and (i + 1 < rows or boundary == "periodic"):
                bonds.append((i * columns + j, (i + 1) % rows * columns + j))
    return SpinLattice(tuple(shape), boundary, tuple(bonds))


def _graph(table):
    n, edges = table.get("n_sites"), table["edges"]
    if "boundary" in table:
        raise InputError("[lattice] has edges and a boundary", do="leave out boundary")
    if type(n) is not int or n < 1:
        raise InputError("[lattice] n_sites", got=repr(n)[:60], expected="the number of sites of the graph")
    _check_number(n)
    if not isinstance(edges, list):
        raise InputError("[lattice] edges", got=repr(edges)[:60], expected="a list of pairs of sites")
    bonds = []
    for edge in edges:
        sites = edge if isinstance(edge, list) else []
        if len(sites) != 2 or not all(type(site) is int and 0 <= site < n for site in sites) or sites[0] == sites[1]:
            raise InputError(
                "an edge of [lattice]", got=repr(edge)[:60], expected=f"two different sites out of 0 to {n - 1}"
            )
        if tuple(sites) in bonds or tuple(sites[::-1]) in bonds:
            raise InputError(f"the edge {sites} is there twice", do="name each bond once: it would count twice")
        bonds.append(tuple(sites))
    return SpinLattice((n,), None, tuple(bonds))


def _check_number(n):
    if n > MAX_SPINS:
        raise InputError("too many spins", got=str(n), expected=f"at most {MAX_SPINS} in a system file")
