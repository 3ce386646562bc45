"""The transition graph as GraphML and DOT text."""

from xml.sax.saxutils import escape

NODE_KEYS = {"name": "string", "visits": "long", "stationary": "double"}
EDGE_KEYS = {"count": "long", "probability": "double", "stderr": "double"}
WIDEST = 6.0


def to_graphml(nodes, edges):
    """GraphML of a directed graph; node ids are the symbols; ``weight`` of an edge is its probability.

    Args:
        nodes: list of dicts name, visits, stationary, in order of the symbols.
        edges: list of dicts source, target, count, probability, stderr (None: left out).

    Returns:
        str.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
    ]
    keys = [("node", NODE_KEYS), ("edge", {**EDGE_KEYS, "weight": "double"})]
    for kind, names in keys:
        for name, of in names.items():
            lines.append(f'  <key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{of}"/>')
    lines.append('  <graph id="transitions" edgedefault="directed">')
    for symbol, node in enumerate(nodes):
        lines.append(f'    <node id="{symbol}">{_data("node", node, NODE_KEYS)}</node>')
    for edge in edges:
        values = _data("edge", {**edge, "weight": edge["probability"]}, keys[1][1])
        lines.append(f'    <edge source="{edge["source"]}" target="{edge["target"]}">{values}</edge>')
    return "\n".join([*lines, "  </graph>", "</graphml>", ""])


def to_dot(nodes, edges):
    """DOT of a directed graph; the width of an edge is in proportion to the square root of its probability.

    Args:
        nodes, edges: see ``to_graphml``.

    Returns:
        str.
    """
    lines = ["digraph transitions {"]
    for symbol, node in enumerate(nodes):
        label = _quoted(f"{symbol}: {node['name']}")
        lines.append(
            f'  {symbol} [label={label}, visits={node["visits"]}, stationary="{node["stationary"]:.6g}"];'
        )  # fmt: skip
    for edge in edges:
        p = edge["probability"]
        lines.append(
            f'  {edge["source"]} -> {edge["target"]} [label="{p:.3g}", probability="{p:.6g}", count={edge["count"]}, '
            f'penwidth="{WIDEST * p**0.5:.3g}"];'
        )
    return "\n".join([*lines, "}", ""])


def _data(kind, values, keys):
    """The data elements of a node or an edge; characters that XML does not allow are replaced."""
    known = {name: values[name] for name in keys if values[name] is not None}
    return "".join(f'<data key="{kind}_{name}">{escape(_allowed(str(v)))}</data>' for name, v in known.items())


def _allowed(text):
    return "".join(c if c in "\t\n\r" or (" " <= c < "\ud800") or c > "\udfff" else "\ufffd" for c in text)


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
