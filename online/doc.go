// Package online trains recurrent nets while they run: real-time recurrent learning (RTRL) and
// what makes it affordable. A [Learner] takes the place of a recurrent layer in a network. It
// is shown a stream in chunks of one step or more; each backward pass adds the gradient that
// its [Method] gives for the steps of the chunk to the gradients of the layer's weights, and
// carries what it must know of the past over to the next chunk, in memory that does not grow.
//
//	D_t = ∂s_t/∂s_{t-1}    I_t = ∂s_t/∂θ at fixed s_{t-1}
//	J_t = I_t + D_t·J_{t-1}    dL/dθ = Σ_t dL_t/ds_t · J_t
//
// SnAp-n (Menick et al. 2020, arXiv:2006.07232) keeps the entries of J that a weight reaches
// within n steps. Weights of the same unit reach the same states, so J is stored as one
// panel a unit: rows of states reached, columns of weights that exist.
package online
