"""Expression trees to the text of a torch function, to differentiate through a known vector field."""

import numpy as np

from dysyr.core.codegen_scalar import dressed, integer_power
from dysyr.core.expressions import postorder, simplify
from dysyr.core.functions import COMPARISONS, FUNCTIONS
from dysyr.core.lattice import BEYOND_LOW


def torch_source(system):
    """Text of a module with ``rhs(t, x, p)`` on torch tensors.

    x is (..., dim), p is (n_parameters,) or (..., n_parameters), t a number or a tensor (...); the result is
    (..., dim). The function is differentiable in all three.

    Args:
        system: a System.

    Returns:
        Source text.
    """
    return "\n".join([*_TorchCode(system).lines(), ""])


class _TorchCode:
    """Every leaf is a tensor whose last axis is the sites: of length n_sites for states, 1 for the rest."""

    def __init__(self, system):
        self.system = system
        self.n_sites = system.lattice.n_sites
        self.constants = []

    def lines(self):
        drift = simplify(self.system.trees.drift)
        body, results = self.statements(drift)
        n = self.n_sites
        return [
            '"""Generated from a system file: do not edit."""',
            "",
            "import torch",
            "",
            *self.constants,
            "",
            "",
            "def rhs(t, x, p):",
            "    t = torch.as_tensor(t, dtype=x.dtype, device=x.device)[..., None]",
            "    p = torch.as_tensor(p, dtype=x.dtype, device=x.device)",
            f"    x = x.reshape(*x.shape[:-1], {len(self.system.fields)}, {n})",
            *("    " + line for line in body),
            f"    shape = torch.broadcast_shapes(x.shape[:-2], p.shape[:-1], t.shape[:-1]) + ({n},)",
            f"    rows = [{', '.join(results)}]",
            "    rows = [torch.as_tensor(row, dtype=x.dtype, device=x.device).expand(shape) for row in rows]",
            "    return torch.cat(rows, dim=-1)",
        ]

    def statements(self, roots, temporary="c"):
        order = postorder(roots)
        lines, text = [], {}
        for node in order:
            if node.is_number:
                text[node] = repr(node.value) if node.value >= 0 else f"({node.value!r})"
            elif not node.args:
                text[node], load = self.leaf(node)
                lines += load
            else:
                text[node] = f"{temporary}{len(lines)}"
                lines.append(f"{text[node]} = {self.written(node, [text[a] for a in node.args])}")
        return lines, [text[root] for root in roots]

    def leaf(self, node):
        if node.op == "time":
            return "t", []
        if node.op == "parameter":
            k = tuple(self.system.parameters).index(node.value)
            return f"p_{node.value}", [f"p_{node.value} = p[..., {k}:{k + 1}]"]
        if node.op == "index":
            values = self.system.lattice.site_index(node.value).astype(float).tolist()
            name = self.constant(f"torch.tensor({values})")
            return f"n_{node.value}", [f"n_{node.value} = {name}.to(x)"]
        return self.state(*node.value)

    def state(self, name, offsets):
        local = "s_" + dressed(name, offsets)
        k = self.system.fields.index(name)
        if not any(offsets):
            return local, [f"{local} = x[..., {k}, :]"]
        neighbours = self.system.lattice.neighbours(offsets)
        rows = self.constant(f"torch.tensor({np.maximum(neighbours, 0).tolist()})")
        lines = [f"{local} = x[..., {k}, :].index_select(-1, {rows}.to(x.device))"]
        for end, beyond in enumerate(
            (neighbours == BEYOND_LOW, (neighbours < 0) & (neighbours != BEYOND_LOW))
        ):
            if beyond.any():
                mask = self.constant(f"torch.tensor({beyond.tolist()})")
                edge, (value,) = self.statements(
                    (self.system.trees.boundary_values[name][end],), f"{local}_edge{end}_"
                )
                lines += [*edge, f"{local} = torch.where({mask}.to(x.device), {value}, {local})"]
        return local, lines

    def constant(self, text):
        self.constants.append(f"K{len(self.constants)} = {text}")
        return f"K{len(self.constants) - 1}"

    def written(self, node, args):
        if node.op == "add":
            return " + ".join(args)
        if node.op == "mul":
            return "*".join(args)
        if node.op == "neg":
            return f"-{args[0]}"
        if node.op == "div":
            return f"{args[0]}/{args[1]}"
        if node.op == "pow":
            n = integer_power(node.args[1])
            return f"{args[0]}**{args[1] if n is None else n}"
        if node.op in COMPARISONS:
            return f"torch.as_tensor({args[0]} {COMPARISONS[node.op]} {args[1]})"
        if node.op in ("and", "or"):
            return f" {'&' if node.op == 'and' else '|'} ".join(args)
        if node.op == "not":
            return f"~{args[0]}"
        if node.op == "where":
            return f"torch.where({args[0]}.to(x.device), {args[1]}, {args[2]})"
        function = FUNCTIONS[node.op]
        if function.n_args > 1:
            args = [f"torch.as_tensor({a}, dtype=x.dtype, device=x.device)" for a in args]
        return function.text.format(*args, f=f"torch.{function.torch or function.numpy}", one="1.0")
