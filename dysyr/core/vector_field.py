"""Models dz/dt = f(z): what is learned is the vector field."""

import abc

import numpy as np

from dysyr.core.model import StateSpace, repeat_step

MAX_SUBSTEPS = 64


class VectorField(StateSpace):
    """A model dz/dt = f(z, u), whose map is the flow over dt by equal classical Runge-Kutta steps.

        k1 = f(z),  k2 = f(z + h k1 / 2),  k3 = f(z + h k2 / 2),  k4 = f(z + h k3),
        z <- z + h (k1 + 2 k2 + 2 k3 + k4) / 6,     h = dt / n_substeps

    Inputs are constant over a step. The Jacobian is that of these steps, exactly. An orbit that leaves the range of
    numbers is not a number from there on. Subclasses give f and df/dz; those with a known part say which it is.
    """

    @property
    @abc.abstractmethod
    def n_substeps(self):
        """Runge-Kutta steps in dt."""

    @abc.abstractmethod
    def derivative(self, z, u=None):
        """dz/dt per system time unit; z (batch, latent), u (batch, n_inputs) -> (batch, latent)."""

    @abc.abstractmethod
    def derivative_jacobian(self, z, u=None):
        """df/dz; z (batch, latent) -> (batch, latent, latent)."""

    def known_part(self, z, u=None):
        """The part of dz/dt that was given and not learned; z (batch, latent) -> (batch, latent)."""
        return np.zeros_like(z)

    def hidden_part(self, z, u=None):
        """The part of dz/dt that was learned; z (batch, latent) -> (batch, latent)."""
        return self.derivative(z, u) - self.known_part(z, u)

    def step(self, z, u=None):
        h = self.dt / self.n_substeps
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(self.n_substeps):
                k1 = self.derivative(z, u)
                k2 = self.derivative(z + 0.5 * h * k1, u)
                k3 = self.derivative(z + 0.5 * h * k2, u)
                k4 = self.derivative(z + h * k3, u)
                z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return np.where(np.isfinite(z).all(axis=1, keepdims=True), z, np.nan)

    def jacobian(self, z, u=None):
        h, one = self.dt / self.n_substeps, np.eye(self.latent_dim)
        whole = np.broadcast_to(one, (len(z), self.latent_dim, self.latent_dim))
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(self.n_substeps):
                at, inner, slopes, jacobians = z, one, [], []
                for ahead in (0.5, 0.5, 1.0, 0.0):
                    slopes.append(self.derivative(at, u))
                    jacobians.append(self.derivative_jacobian(at, u) @ inner)
                    at, inner = z + ahead * h * slopes[-1], one + ahead * h * jacobians[-1]
                z = z + h / 6 * (slopes[0] + 2 * slopes[1] + 2 * slopes[2] + slopes[3])
                one_step = one + h / 6 * (jacobians[0] + 2 * jacobians[1] + 2 * jacobians[2] + jacobians[3])
                whole = one_step @ whole
        return whole

    def trajectory(self, z, n_steps, u=None):
        return repeat_step(self, z, n_steps, u)


def enough_substeps(build, z, *, tolerance=1e-6, u=None):
    """Fewest Runge-Kutta steps in dt, a power of two, with which half as long ones change nothing that counts.

    A field that needs more than 64 gets 64: the map is then what these steps make, not the flow.

    Args:
        build: function n_substeps -> VectorField.
        z: (state, latent) states at which it is tried.
        tolerance: largest change of a step of dt, as a part of the standard deviation of z.
        u: (state, n_inputs) inputs, or None.

    Returns:
        int, at most 64.
    """
    scale, n_substeps = z.std(axis=0), 1
    scale = np.where(scale > 0, scale, 1.0)
    coarse = build(1).step(z, u)
    while n_substeps < MAX_SUBSTEPS:
        fine = build(2 * n_substeps).step(z, u)
        if np.abs((fine - coarse) / scale).max() <= tolerance:
            break
        coarse, n_substeps = fine, 2 * n_substeps
    return n_substeps
