"""An indexed heap: which of many keys is least, when single keys change.

    keys[heap[k]] <= keys[heap[2 k + 1]], keys[heap[2 k + 2]],      heap[place[node]] = node

``heap[0]`` is the node of the least key. A change costs the logarithm of the number of nodes.

Reference:
    gibson2000
"""

from dysyr.kernels.jit import jit


@jit
def build_heap(heap, place, keys):
    """Order all nodes anew.

    Args:
        heap: (node,) out: nodes in the order of the heap.
        place: (node,) out: where in the heap each node is.
        keys: (node,).
    """
    for node in range(keys.size):
        heap[node] = node
        place[node] = node
        move_node(heap[: node + 1], place, keys, node)


@jit
def move_node(heap, place, keys, node):
    """Restore the order after the key of one node has changed.

    Args:
        heap, place: as in :func:`build_heap`, in and out.
        keys: (node,).
        node: the node.
    """
    at, key = place[node], keys[node]
    while at > 0:
        above = heap[(at - 1) >> 1]
        if keys[above] <= key:
            break
        heap[at] = above
        place[above] = at
        at = (at - 1) >> 1
    below = 2 * at + 1
    while below < heap.size:
        if below + 1 < heap.size and keys[heap[below + 1]] < keys[heap[below]]:
            below += 1
        if keys[heap[below]] >= key:
            break
        heap[at] = heap[below]
        place[heap[at]] = at
        at = below
        below = 2 * at + 1
    heap[at] = node
    place[node] = at
