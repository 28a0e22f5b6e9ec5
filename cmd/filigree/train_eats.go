package main

import (
	"context"
	"fmt"

	"github.com/seed073b5613/filigree/recipes/eats"
)

// trainEATS trains EATS.
type trainEATS struct {
	eats.Settings
	speechRun
}

// Help shows how the command is used.
func (trainEATS) Help() string {
	return `Examples:
  filigree train eats --data cathy-arctic --budget 1h --run runs/eats
  filigree speak --voice runs/eats/voice.safetensors "Good morning."
  filigree train eats --data cathy-arctic --durations learned --warm-up 0.3
  filigree train eats --data cathy-arctic --size shaped --no-spectrogram
  filigree train eats --data cathy-arctic --sparsity 0.8 --block 4x1 --json

Samples and their pictures are in the run's samples/ after every evaluation.`
}

// Run trains.
func (c *trainEATS) Run(ctx context.Context, io console) error {
	return trainSpeech(&c.speechRun, io, "eats", c.Seed, c.Threads, eats.Metric, func(io eats.IO) (eats.Result, error) { return eats.Run(ctx, c.Settings, io) },
		func(r eats.Result) string {
			m := r.Spoken
			return fmt.Sprintf("voice      %s, %.1f MB, %d of %d weights\n", show(r.Voice), float64(r.Bytes)/1e6, r.Nonzeros, r.Weights) +
				fmt.Sprintf("speech     phone error rate %.1f %% (recordings %.1f %%), cepstra %.2f dB from recordings it never heard\n", 100*m.PER, 100*m.NaturalPER, m.MCD) +
				fmt.Sprintf("durations  %.0f ms off, correlation %.2f, total %.3f of the recordings'\n", m.DurationRMSE, m.DurationCorrelation, m.LengthRatio) +
				fmt.Sprintf("\nHear it with: filigree speak --voice %s \"Good morning.\"\n", show(r.Voice))
		})
}
