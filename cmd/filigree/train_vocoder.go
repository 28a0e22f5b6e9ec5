package main

import (
	"context"
	"fmt"

	"github.com/seed073b5613/filigree/recipes/vocoder"
)

// trainVocoder trains a vocoder.
type trainVocoder struct {
	vocoder.Settings
	speechRun
}

// Help shows how the command is used.
func (trainVocoder) Help() string {
	return `Examples:
  filigree train vocoder --data cathy-arctic --budget 1h --run runs/vocoder
  filigree vocode recording.wav -o copy.wav --model runs/vocoder/model.safetensors
  filigree speak --vocoder runs/vocoder/model.safetensors "Good morning."`
}

// Run trains.
func (c *trainVocoder) Run(ctx context.Context, io console) error {
	return trainSpeech(&c.speechRun, io, "vocoder", c.Seed, c.Threads, vocoder.Metric, func(io vocoder.IO) (vocoder.Result, error) { return vocoder.Run(ctx, c.Settings, io) },
		func(r vocoder.Result) string {
			return fmt.Sprintf("%s: %.3f bits a sample on recordings it never heard, %d of %d weights, %.2f MB\n\nHear it with: filigree vocode recording.wav -o copy.wav --model %s\n",
				show(r.Model), r.Bits, r.Nonzeros, r.Weights, float64(r.Bytes)/1e6, show(r.Model))
		})
}
