// Package data holds data sets and the batches drawn from them: MNIST, CIFAR-10, folders of
// photographs ([OpenTree]), and digits drawn from a font, which need no download.
//
// The world stores images one after another; networks here want features first.
// [Batches] turns them around once: a batch of images is [C, B, H, W], or
// [C·H·W, B] for networks that see an image as a list of features.
package data
