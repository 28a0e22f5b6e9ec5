// Package rigl trains the networks of "Rigging the Lottery: Making All Tickets
// Winners" (arXiv:1911.11134): dense, with a fixed random topology, with RigL, or
// pruned step by step, under one loop with one order of the data, so that the
// methods can be compared.
package rigl
