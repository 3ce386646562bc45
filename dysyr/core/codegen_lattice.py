"""Generated code of lattices: a loop over sites, where neighbours are looked up, around a loop over lanes.

    for k0 in range(N):                      # one such loop for each axis
        a0_p1 = (k0 + 1) % N                 # where site k0 + 1 lies, by the axis' boundary
        row1 = a0_p1                         # row of x that holds this neighbour
        for i in range(lanes):
            s_x_p1 = x[row1, i]
            out[...] = ...

A neighbour past a fixed edge is not loaded: its given value takes the place.

The right-hand side and its derivative along a direction have a second form for the sites whose neighbours along
the last axis all lie inside. There a neighbour is at a constant distance, and sites and lanes are one loop:

    x_row1 = flat_x[3*lanes : 40*lanes]
    for j in range(37*lanes):
        s_x_p1 = x_row1[j]
        own0[j] = ...

It needs parameters that are the same in all lanes, which is found out at run time.
"""

import re

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
            self.function("rhs", "t, x, p, out", self.drift, self.store, long=True),
            self.function("jvp", "t, x, p, v, out", along, self.store, long=True),
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

    def function(self, name, arguments, roots, store, sources=(), clear=None, long=False):
        """One function.

        Args:
            name, arguments: its head.
            roots: expressions that are computed at every site and lane.
            store: function (k, text of root k) -> lines that store it.
            sources: further state nodes whose rows are looked up.
            clear: the part of out that is zeroed first, or None.
            long: whether sites and lanes may be one loop.
        """
        used = [node for node in postorder(roots) if node.op in ("state", "tangent")]
        places = list(dict.fromkeys([node.value for node in used] + [source.value for source in sources]))
        self.rows = {place: f"row{k}" for k, place in enumerate(places)}
        lines, indent = [f"def {name}({arguments}):"], "    "
        if clear:
            lines.append(f"{indent}{clear} = {self.printer.literal(0.0)}")
        edges = self.edges(roots, places) if long else None
        if edges:
            lines += [indent + line for line in self.preparation(arguments, roots)]
        for a, axis in enumerate(self.lattice.axes):
            if edges and a == len(self.lattice.axes) - 1:
                lines += [indent + line for line in self.long_loop(roots, used, edges)]
                lines.append(f"{indent}for edge in range({edges[0] + edges[1]} if alike else {axis.n}):")
                moved = f"edge + {axis.n - edges[0] - edges[1]}"
                lines.append(f"{indent}    k{a} = {moved} if alike and edge >= {edges[0]} else edge")
            else:
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

    def edges(self, roots, places):
        """How many sites at the two ends of the last axis have neighbours outside; None where there is no long
        loop."""
        *outer, last = self.lattice.axes
        reach = [offsets[-1] for _, offsets in places]
        low, high = max([0, *(-k for k in reach)]), max([0, *reach])
        leaves = [node for node in postorder(roots) if not node.args]
        varying = any(node.op == "time" or (node.op == "index" and node.value == last.name) for node in leaves)
        if varying or any(axis.boundary == "fixed" for axis in outer) or last.n <= low + high:
            return None
        return low, high

    def preparation(self, arguments, roots):
        """Flat views, and whether all lanes have the same parameters."""
        lines = ["lanes = x.shape[1]", "alike = lanes > 0"]
        arrays = [name for name in arguments.split(", ") if name in ("x", "v", "out")]
        lines += [f"flat_{name} = {name}.reshape({name}.size)" for name in arrays]
        names = tuple(self.system.parameters)
        for name in sorted({node.value for node in postorder(roots) if node.op == "parameter"}):
            k = names.index(name)
            lines += ["for i in range(1, lanes):", f"    alike = alike and p[{k}, i] == p[{k}, 0]"]
        return lines

    def long_loop(self, roots, used, edges):
        """Lines of the loop over sites and lanes at once."""
        n, first = self.lattice.axes[-1].n, edges[0]
        length = f"{n - edges[0] - edges[1]}*lanes"

        def view(name, array, field, offsets):
            along = f"({self.site((*offsets[:-1], 0), last='0')})" if len(offsets) > 1 else "0"
            begin = f"({along} + {field * self.n_sites + first + offsets[-1]})*lanes"
            return f"{name} = flat_{array}[{begin} : {begin} + {length}]"

        letters = {"state": "x", "tangent": "v"}
        loads, views = {}, []
        for node in used:
            name, offsets = node.value
            loads[node] = f"{letters[node.op]}_{self.rows[node.value]}"
            views.append(view(loads[node], letters[node.op], self.system.fields.index(name), offsets))
        body, texts = self.printer.statements(
            roots, {node: f"{name}[j]" for node, name in loads.items()}, tuple(self.system.parameters)
        )
        constant = [line for line in body if re.match(r"\w+ = p\[", line)]
        lines = [*views, *(re.sub(r"p\[(\d+), i\]", r"p[\1, 0]", line) for line in constant)]
        lines += [view(f"own{f}", "out", f, self.here) for f in range(len(texts))]
        lines.append(f"for j in range({length}):")
        lines += ["    " + line for line in body if line not in constant]
        lines += [f"    own{f}[j] = {text}" for f, text in enumerate(texts)]
        return ["if alike:", *("    " + line for line in lines)]

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

    def site(self, offsets, last=None):
        """Number of the site at given offsets, as text; ``last`` replaces the place along the last axis."""
        text = ""
        for a, (axis, offset) in enumerate(zip(self.lattice.axes, offsets, strict=True)):
            place = self.along(a, offset) if last is None or a < len(offsets) - 1 else last
            text = place if a == 0 else f"({text})*{axis.n} + {place}"
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
