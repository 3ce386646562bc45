"""Windows of a long series, copied into the lanes of a batch."""

from dysyr.kernels.jit import jit


@jit
def gather(data, observed, drive, starts, n_valid, owner, warm_up, jitter, noise, offsets, batch, count):
    """Copy windows into lanes and set the weights of the loss.

        x[g, t, k, i] = data[starts[g, i] + t, k]                       what is to be predicted
        seen[g, t, k, i] = x[g, t, k, i] + jitter * fresh normal        what the model is forced with

    Lanes from ``n_valid[g]`` on are padding: they repeat a window and weigh nothing. The first ``warm_up`` predictions
    are not scored either: they still carry the noise of the first sample, and scoring them teaches the model to
    contract.

    Args:
        data: (total, N), zero where missing.
        observed: (total, N), 1 where there is a value, else 0.
        drive: (total, K) inputs.
        starts: (group, 16) first rows of the windows.
        n_valid: (group,) number of lanes that count.
        owner: (group,) model of each group.
        warm_up: number of predictions at the start of each window that are not scored.
        jitter: standard deviation of the noise on what the model is forced with.
        noise: (model, 2^k) standard normal numbers.
        offsets: (group, 16) where each window begins to read them.
        batch: Batch of ``shallow_plrnn``, filled.
        count: (model,) float64, filled with the sums of the loss weights.
    """
    n_groups, n, n_observed, lanes = batch.x.shape
    n_inputs = drive.shape[1]
    zero, last = batch.x.dtype.type(0), noise.shape[1] - 1
    values, presence, inputs = data.reshape(-1), observed.reshape(-1), drive.reshape(-1)
    count[:] = 0.0
    for g in range(n_groups):
        x, seen, there, counts = (
            batch.x[g].reshape(-1), batch.seen[g].reshape(-1), batch.observed[g].reshape(-1),
            batch.counts[g].reshape(-1),
        )  # fmt: skip
        u = batch.u[g].reshape(-1)
        first_scored = (warm_up + 1) * n_observed
        for i in range(lanes):
            at = starts[g, i] * n_observed
            counting = i < n_valid[g]
            total = 0.0
            for q in range(n * n_observed):
                value, known, place = values[at + q], presence[at + q], q * lanes + i
                scored = known if counting and q >= first_scored else zero
                x[place] = value
                seen[place] = value + jitter * known * noise[owner[g], (offsets[g, i] + q) & last]
                there[place] = known
                counts[place] = scored
                total += scored
            count[owner[g]] += total
            at = starts[g, i] * n_inputs
            for q in range(n * n_inputs):
                u[q * lanes + i] = inputs[at + q]
