// Package tasks holds what filigree train can train: for each task its data, its network,
// its loss and its score, and one way to run all of them with any sparsifier, under one
// loop and one order of the data, so that methods can be compared.
//
// A task is one function that reads the data and says how to build the network
// (vision.go); the rest of the package neither knows nor cares what a task is about.
package tasks
