// Package train keeps what a training run leaves behind: its directory, its
// metrics and its result.
package train
