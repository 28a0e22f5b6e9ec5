package main

type fetchCommand struct {
	Name string `arg:"" enum:"mnist,cifar10"`
}

func (c *fetchCommand) Run(io console) error { return nil }
