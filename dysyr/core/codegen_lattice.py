"""Generated code of lattices: a loop over sites, where neighbours are looked up, around a loop over lanes.

    for k0 in range(N):                      # one such loop for each axis
        a0_p1 = (k0 + 1) % N                 # where site k0 + 1 lies, by the axis' boundary
        row1 = a0_p1                         # row of x that holds this neighbour
        for i in range(lanes):
            s_x_p1 = x[row1, i]
            out[...] = ...

A neighbour past a fixed edge is not loaded: its given value takes the place.
"""

from dysyr.core.codegen_scalar import dressed
from dysyr.core.derivative import differentiate
from dysyr.core.expressions import mul, number, postorder, simplify, tangent


def lattice_functions(system, printer):
    """The functions of ``core.codegen`` for a lattice, as a list of texts."""
    return _LatticeCode(system, printer).functions()


class _LatticeCode:
    def __init__(self, system, printer):
        self.system = system
        self.printer = printer
        self.lattice = system.lattice
        self.n_sites = system.lattice.n_sites
        self.here = (0,) * len(system.lattice.axes)
        self.drift = simplify(system.trees.drift)

    def functions(self):
        along = differentiate(
            self.drift, {node: tangent(*node.value) for node in postorder(self.drift) if node.op == "state"}
        )
        partials = [
            (f, source, tree) for f, row in enumerate(self.system.gradient()) for source, tree in row.items()
        ]
        own = [part for part in partials if part[1].value[0] == self.system.fields[part[0]]]
        functions = [
            self.function("rhs", "t, x, p, out", self.drift, self.store),
            self.function("jvp", "t, x, p, v, out", along, self.store),
            self.function(
                "jacobian",
                "t, x, p, out",
                tuple(tree for _, _, tree in partials),
                lambda k, text: self.accumulate(
                    f"out[{self.own_row(partials[k][0])}, {{row}}, i]", partials[k][1], text
                ),
                sources=[source for _, source, _ in partials],
                clear="out[:, :, :]",
            ),
            self.function(
                "divergence",
                "t, x, p, out",
                tuple(tree for _, _, tree in own),
                lambda k, text: self.accumulate_own("out[i]", own[k][0], own[k][1], text),
                sources=[source for _, source, _ in own],
                clear="out[:]",
            ),
        ]
        if self.system.trees.diffusion is not None:
            functions += self.noise_functions()
        return functions

    def noise_functions(self):
        noise = simplify(tuple(row[k] for k, row in enumerate(self.system.trees.diffusion)))
        corrections = []
        for f, tree in enumerate(noise):
            for source in postorder((tree,)):
                if source.op == "state" and source.value[0] == self.system.fields[f]:
                    slope = differentiate((tree,), {source: number(1.0)})[0]
                    corrections.append((f, source, mul(number(0.5), tree, slope)))
        return [
            self.function(
                "diffusion",
                "t, x, p, out",
                noise,
                lambda f, text: [f"out[{self.own_row(f)}, {self.own_row(f)}, i] = {text}"],
                clear="out[:, :, :]",
            ),
            self.function("diffusion_diagonal", "t, x, p, out", noise, self.store),
            self.function(
                "noise_drift",
                "t, x, p, out",
                tuple(tree for _, _, tree in corrections),
                lambda k, text: self.accumulate_own(
                    f"out[{self.own_row(corrections[k][0])}, i]", corrections[k][0], corrections[k][1], text
                ),
                sources=[source for _, source, _ in corrections],
                clear="out[:, :]",
            ),
        ]

    def function(self, name, arguments, roots, store, sources=(), clear=None):
        """One function.

        Args:
            name, arguments: its head.
            roots: expressions that are computed at every site and lane.
            store: function (k, text of root k) -> lines that store it.
            sources: further state nodes whose rows are looked up.
            clear: the part of out that is zeroed first, or None.
        """
        used = [node for node in postorder(roots) if node.op in ("state", "tangent")]
        places = list(dict.fromkeys([node.value for node in used] + [source.value for source in sources]))
        self.rows = {place: f"row{k}" for k, place in enumerate(places)}
        lines, indent = [f"def {name}({arguments}):"], "    "
        if clear:
            lines.append(f"{indent}{clear} = {self.printer.literal(0.0)}")
        for a, axis in enumerate(self.lattice.axes):
            lines.append(f"{indent}for k{a} in range({axis.n}):")
            indent += "    "
            lines += [indent + line for line in self.neighbour_lines(a, axis, places)]
            if any(node.op == "index" and node.value == axis.name for node in postorder(roots)):
                lines.append(f"{indent}n_{axis.name} = np.{self.printer.dtype}(k{a})")
        lines.append(f"{indent}site = {self.site(self.here)}")
        lines += [indent + line for place, row in self.rows.items() for line in self.row_lines(place, row)]
        lines.append(f"{indent}for i in range({'out.shape[0]' if name == 'divergence' else 'x.shape[1]'}):")
        indent += "    "
        lines += [indent + line for line in self.edge_lines(used)]
        parameters = tuple(self.system.parameters)
        body, texts = self.printer.statements(roots, {node: self.load(node) for node in used}, parameters)
        lines += [indent + line for line in body]
        for k, text in enumerate(texts):
            lines += [indent + line for line in store(k, text)]
        if not texts:
            lines.append(f"{indent}pass")
        return "\n".join(lines)

    def neighbour_lines(self, a, axis, places):
        lines = []
        for offset in sorted({offsets[a] for _, offsets in places} - {0}):
            moved = f"k{a} {'+' if offset > 0 else '-'} {abs(offset)}"
            if axis.boundary == "periodic":
                moved = f"({moved}) % {axis.n}"
            elif axis.boundary == "reflecting":
                moved = f"{axis.n - 1} - abs({axis.n - 1} - abs({moved}))"
            lines.append(f"{self.along(a, offset)} = {moved}")
        return lines

    def along(self, a, offset):
        return f"k{a}" if offset == 0 else dressed(f"a{a}", (offset,))

    def site(self, offsets):
        text = ""
        for a, (axis, offset) in enumerate(zip(self.lattice.axes, offsets, strict=True)):
            text = self.along(a, offset) if a == 0 else f"({text})*{axis.n} + {self.along(a, offset)}"
        return text

    def outside(self, offsets):
        """(condition low, condition high) texts for a place that can lie past a fixed edge, or None."""
        low, high = [], []
        for a, (axis, offset) in enumerate(zip(self.lattice.axes, offsets, strict=True)):
            if axis.boundary == "fixed" and offset < 0:
                low.append(f"{self.along(a, offset)} < 0")
            if axis.boundary == "fixed" and offset > 0:
                high.append(f"{self.along(a, offset)} >= {axis.n}")
        return (low, high) if low or high else None

    def row_lines(self, place, row):
        name, offsets = place
        start = self.system.fields.index(name) * self.n_sites
        source = f"{start} + {self.site(offsets)}" if start else self.site(offsets)
        outside = self.outside(offsets)
        if outside is None:
            return [f"{row} = {source}"]
        low, high = outside
        lines = [f"{row}_outside = {' or '.join(low + high)}", f"{row} = 0 if {row}_outside else {source}"]
        if low and high:
            lines.append(f"{row}_low = {self.first_is_low(offsets)}")
        return lines

    def first_is_low(self, offsets):
        """Past a corner the first axis that is left decides, as in Lattice.neighbours."""
        a = next(a for a, axis in enumerate(self.lattice.axes) if axis.boundary == "fixed" and offsets[a])
        side = f"{self.along(a, offsets[a])} < 0" if offsets[a] < 0 else None
        return side or f"{self.along(a, offsets[a])} < {self.lattice.axes[a].n}"

    def edge_lines(self, used):
        """Values past fixed edges, for the variables that need them."""
        names = dict.fromkeys(
            node.value[0] for node in used if node.op == "state" and self.outside(node.value[1])
        )
        lines = []
        for name in names:
            ends = self.system.trees.boundary_values[name]
            body, texts = self.printer.statements(
                ends, {}, tuple(self.system.parameters), temporary=f"e_{name}_"
            )
            lines += [*body, f"e_{name}_low = {texts[0]}", f"e_{name}_high = {texts[1]}"]
        return lines

    def load(self, node):
        name, offsets = node.value
        row = self.rows[node.value]
        loaded = f"{'x' if node.op == 'state' else 'v'}[{row}, i]"
        outside = self.outside(offsets)
        if outside is None:
            return loaded
        if node.op == "tangent":
            edge = self.printer.literal(0.0)
        elif outside[0] and outside[1]:
            edge = f"(e_{name}_low if {row}_low else e_{name}_high)"
        else:
            edge = f"e_{name}_low" if outside[0] else f"e_{name}_high"
        return f"{edge} if {row}_outside else {loaded}"

    def own_row(self, f):
        return f"{f * self.n_sites} + site" if f else "site"

    def store(self, f, text):
        return [f"out[{self.own_row(f)}, i] = {text}"]

    def accumulate(self, target, source, text):
        row = self.rows[source.value]
        line = f"{target.format(row=row)} += {text}"
        return [line] if self.outside(source.value[1]) is None else [f"if not {row}_outside:", "    " + line]

    def accumulate_own(self, target, f, source, text):
        """Add where the source is the site itself, as it may be across a reflecting or periodic edge."""
        row, offsets = self.rows[source.value], source.value[1]
        if offsets == self.here:
            return [f"{target} += {text}"]
        inside = "" if self.outside(offsets) is None else f" and not {row}_outside"
        return [f"if {row} == {self.own_row(f)}{inside}:", f"    {target} += {text}"]
