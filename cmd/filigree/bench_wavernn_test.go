package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"
)

// TestBenchWaveRNN checks that each block, precision and head is measured, with the sparsity that
// was asked for, and that the rates agree with one another.
func TestBenchWaveRNN(t *testing.T) {
	for _, c := range []benchWaveRNN{
		{Block: "16x1", Weights: "f32", Heads: "dense"},
		{Block: "4x4", Weights: "bf16", Heads: "sparse"},
		{Block: "1x1", Weights: "int8", Heads: "sparse"},
	} {
		c.Units, c.Sparsity, c.Threads, c.Time, c.JSON = 64, 0.75, 1, time.Millisecond, true
		var out bytes.Buffer
		if err := c.Run(context.Background(), console{out: &out}); err != nil {
			t.Fatal(err)
		}
		var row benchWaveRNNRow
		if err := json.Unmarshal(out.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if row.Sparsity != 0.75 || row.Samples <= 0 || row.Product <= 0 || row.Bytes <= 0 {
			t.Errorf("%s: %+v", c.Block, row)
		}
		if math.Abs(row.Realtime24*24-row.Realtime16*16) > 1e-9*row.Samples {
			t.Errorf("%g times real time at 24 kHz, %g at 16 kHz", row.Realtime24, row.Realtime16)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := benchWaveRNN{Units: 64, Block: "16x1", Weights: "f32", Heads: "dense", Threads: 1, Time: time.Hour}
	if err := c.Run(ctx, console{out: &bytes.Buffer{}}); err == nil {
		t.Error("an interrupted measurement went on")
	}
}
