"""The profiled likelihood of a crossed mixed model, its largest group eliminated block by block."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import linalg, sparse

from study.statistics.pairs import Floats
from study.statistics.random_terms import RandomTerm

Matrix: TypeAlias = Any  # scipy sparse array, or a dense one where most entries are filled


@dataclass(frozen=True)
class Evaluation:
    """The likelihood at one set of relative random-effect covariances Σ = ΛΛ' (residual variance 1).

    Parameters
    ----------
    log_determinant : float
        log|V|, with REML plus log|X'V⁻¹X|.
    weighted_square : float
        y'Py, the residual sum of squares in the metric of V.
    beta : array (p,)
        Generalised least-squares coefficients.
    beta_covariance : array (p, p)
        (X'V⁻¹X)⁻¹.
    traces, squares : lists of arrays (k, k), one per term
        Derivatives of `log_determinant` and of −`weighted_square` in Σ.
    """

    log_determinant: float
    weighted_square: float
    beta: Floats
    beta_covariance: Floats
    traces: list[Floats]
    squares: list[Floats]


class MixedLikelihood:
    """Cross-products of y = Xβ + Σ Zb + ε, from which the likelihood at any Σ costs a factorisation of the smaller groups only.

    The term with the most effects (cases, by the thousand) is block diagonal; its blocks are eliminated first, which leaves a dense
    system of the size of the other terms. This is the elimination order that makes lme4 fast, done by blocks.

    Parameters
    ----------
    response : array (n,)
    fixed : array (n, p)
        Orthonormal columns.
    terms : sequence of RandomTerm
    reml : bool

    References
    ----------
    Bates, Mächler, Bolker & Walker (2015), doi:10.18637/jss.v067.i01
    """

    def __init__(self, response: Floats, fixed: Floats, terms: Sequence[RandomTerm], *, reml: bool) -> None:
        self.reml = reml
        self.rows, self.coefficients = fixed.shape
        self.first = max(range(len(terms)), key=lambda place: terms[place].levels * terms[place].size)
        self.others = [place for place in range(len(terms)) if place != self.first]
        self.terms = list(terms)
        data = np.column_stack([fixed, response])
        self._cross = data.T @ data
        self.total_square = float(response @ response)
        eliminated = terms[self.first]
        size = eliminated.size
        self._blocks = np.empty((eliminated.levels, size, size))
        for a in range(size):
            for b in range(size):
                product = eliminated.columns[:, a] * eliminated.columns[:, b]
                self._blocks[:, a, b] = np.bincount(eliminated.codes, weights=product, minlength=eliminated.levels)
        first_design = [_indicator(eliminated, effect) for effect in range(size)]
        self._first_data = np.stack([design.T @ data for design in first_design], axis=1)  # (levels, k, p + 1)
        rest = [_design(terms[place]) for place in self.others]
        if rest:
            stacked = sparse.hstack(rest).tocsr()
            self._rest_cross = (stacked.T @ stacked).toarray()
            self._rest_data = stacked.T @ data
            self._first_rest = [_compact((design.T @ stacked).tocsr()) for design in first_design]

    def evaluate(self, factors: Sequence[Floats]) -> Evaluation:
        """Likelihood parts at the lower-triangular factors Λ, one per term; raises LinAlgError where the covariance overflows."""
        eye = np.eye(self.terms[self.first].size)
        factor = factors[self.first]
        middle = eye + factor.T @ self._blocks @ factor
        weights = factor @ np.linalg.inv(middle) @ factor.T  # (levels, k, k)
        shrink = eye - self._blocks @ weights  # Z'V₁⁻¹ = shrink · Z'
        log_determinant = float(np.linalg.slogdet(middle)[1].sum())
        weighted = weights @ self._first_data
        cross = self._cross - np.einsum("lki,lkj->ij", self._first_data, weighted)
        shrunk_data = shrink @ self._first_data
        rest = self._rest(factors, weights, weighted) if self.others else None
        if rest is not None:
            log_determinant += rest.log_determinant
            cross = cross - rest.data.T @ rest.effects
        p = self.coefficients
        inverse = np.linalg.inv(cross[:p, :p])
        beta = inverse @ cross[:p, p]
        square = float(cross[p, p] - cross[:p, p] @ beta)
        if self.reml:
            log_determinant -= float(np.linalg.slogdet(inverse)[1])
        traces: list[Floats] = [eye] * len(self.terms)
        squares: list[Floats] = [eye] * len(self.terms)
        projector = np.append(-beta, 1.0)
        first_cross = shrink @ self._blocks
        traces[self.first] = first_cross.sum(axis=0)
        first_residual = shrunk_data
        if rest is not None:
            first_residual = shrunk_data - self._first_correction(shrink, rest.effects)
            traces[self.first] = traces[self.first] - self._first_trace(shrink, rest.precision)
            for place, trace, residual in self._rest_parts(rest):
                traces[place], squares[place] = self._finish(trace, residual, projector, inverse)
        traces[self.first], squares[self.first] = self._finish(traces[self.first], first_residual, projector, inverse)
        return Evaluation(log_determinant, square, beta, inverse, traces, squares)

    def criterion(self, at: Evaluation) -> float:
        """−2 log (restricted) likelihood, profiled over β and the residual variance."""
        n = self.degrees
        return at.log_determinant + n * (1 + math.log(2 * math.pi * at.weighted_square / n))

    @property
    def degrees(self) -> int:
        """Rows, with REML less the coefficients."""
        return self.rows - (self.coefficients if self.reml else 0)

    def _finish(self, trace: Floats, residual: Floats, projector: Floats, inverse: Floats) -> tuple[Floats, Floats]:
        # residual (levels, k, p + 1) is Z'V⁻¹[X y]; with REML the trace loses what estimating β takes.
        effects = residual @ projector
        if self.reml:
            fixed = residual[:, :, : self.coefficients]
            trace = trace - np.einsum("laj,lbj->ab", fixed @ inverse, fixed)
        return trace, effects.T @ effects

    def _rest(self, factors: Sequence[Floats], weights: Floats, weighted: Floats) -> "_Rest":
        cross, data = self._rest_cross.copy(), self._rest_data.copy()
        for a, left in enumerate(self._first_rest):
            cross -= _dense(left.T @ self._scaled(weights, a))
            data -= left.T @ weighted[:, a, :]
        scaled = self._times_factors(self._times_factors(cross, factors).T, factors)
        scaled[np.diag_indices_from(scaled)] += 1.0
        inner_determinant, inverse = _inverted(scaled)
        precision = self._times_factors(self._times_factors(inverse, factors, transposed=True).T, factors, transposed=True)
        return _Rest(log_determinant=inner_determinant, cross=cross, data=data, precision=precision, effects=precision @ data)

    def _scaled(self, blocks: Floats, effect: int) -> Matrix:
        """Row `effect` of block-diagonal `blocks` times the eliminated term's products with the rest."""
        parts = [_row_scaled(matrix, blocks[:, effect, b]) for b, matrix in enumerate(self._first_rest)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _first_correction(self, shrink: Floats, effects: Floats) -> Floats:
        size = self.terms[self.first].size
        return np.stack([self._scaled(shrink, a) @ effects for a in range(size)], axis=1)

    def _first_trace(self, shrink: Floats, precision: Floats) -> Floats:
        size = self.terms[self.first].size
        shrunk = [self._scaled(shrink, a) for a in range(size)]
        trace = np.empty((size, size))
        for a in range(size):
            for b in range(a + 1):
                trace[a, b] = trace[b, a] = float((precision * _dense(shrunk[a].T @ shrunk[b])).sum())
        return trace

    def _rest_parts(self, rest: "_Rest") -> list[tuple[int, Floats, Floats]]:
        reduced = rest.cross @ rest.precision
        residual = rest.data - rest.cross @ rest.effects
        parts, start = [], 0
        for place in self.others:
            levels, size = self.terms[place].levels, self.terms[place].size
            trace = np.empty((size, size))
            for a in range(size):
                rows = slice(start + a, start + levels * size, size)
                for b in range(size):
                    columns = slice(start + b, start + levels * size, size)
                    plain = np.einsum("ii->", rest.cross[rows, columns])
                    trace[a, b] = plain - float(np.einsum("ij,ji->", reduced[rows], rest.cross[:, columns]))
            parts.append((place, (trace + trace.T) / 2, residual[start : start + levels * size].reshape(levels, size, -1)))
            start += levels * size
        return parts

    def _times_factors(self, matrix: Floats, factors: Sequence[Floats], *, transposed: bool = False) -> Floats:
        """Matrix times the block-diagonal Λ, or Λ', of the terms that are not eliminated."""
        result, start = np.empty(matrix.shape), 0
        for place in self.others:
            width = self.terms[place].levels * self.terms[place].size
            block = matrix[:, start : start + width].reshape(matrix.shape[0], -1, self.terms[place].size)
            factor = factors[place].T if transposed else factors[place]
            result[:, start : start + width] = (block @ factor).reshape(matrix.shape[0], width)
            start += width
        return result


@dataclass(frozen=True)
class _Rest:
    """The system of the terms that are not eliminated: S = I + Λ'BΛ and what it solves."""

    log_determinant: float
    cross: Floats  # B
    data: Floats
    precision: Floats  # Λ S⁻¹ Λ'
    effects: Floats  # Λ S⁻¹ Λ' data


def _indicator(term: RandomTerm, effect: int) -> Matrix:
    n = term.codes.size
    return sparse.csr_array((term.columns[:, effect], term.codes, np.arange(n + 1)), shape=(n, term.levels))


def _design(term: RandomTerm) -> Matrix:
    """Z of one term, level by level and effect by effect."""
    n, size = term.columns.shape
    places = term.codes[:, None] * size + np.arange(size)
    return sparse.csr_array((term.columns.ravel(), places.ravel(), np.arange(0, n * size + 1, size)), shape=(n, term.levels * size))


def _compact(matrix: Matrix) -> Matrix:
    return matrix.toarray() if matrix.nnz > 0.1 * matrix.shape[0] * matrix.shape[1] else matrix


def _dense(matrix: Matrix) -> Floats:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _row_scaled(matrix: Matrix, factors: Floats) -> Matrix:
    if isinstance(matrix, np.ndarray):
        return matrix * factors[:, None]
    return sparse.csr_array((matrix.data * np.repeat(factors, np.diff(matrix.indptr)), matrix.indices, matrix.indptr), shape=matrix.shape)


def _inverted(matrix: Floats) -> tuple[float, Floats]:
    """Log determinant and inverse of a positive definite matrix."""
    # Small systems go through LU, which stays on one thread: handing 80 rows to a thread pool costs more than solving them.
    if matrix.shape[0] < 200:
        return float(np.linalg.slogdet(matrix)[1]), np.linalg.inv(matrix).astype(np.float64, copy=False)
    lower: Floats = linalg.cholesky(matrix, lower=True, check_finite=False).astype(np.float64)
    inverse, _ = linalg.lapack.dpotri(lower, lower=True)
    inverse += np.tril(inverse, -1).T
    return 2 * float(np.log(np.diag(lower)).sum()), inverse
