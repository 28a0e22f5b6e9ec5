package main

import (
	"context"
	"fmt"

	"github.com/seed073b5613/filigree/recipes/gantts"
)

// trainGAN trains GAN-TTS.
type trainGAN struct {
	gantts.Settings
	speechRun
}

// Help shows how the command is used.
func (trainGAN) Help() string {
	return `Examples:
  filigree train gan-tts --data cathy-arctic --budget 1h --run runs/gan
  filigree train gan-tts --data cathy-arctic --sparsity 0.8 --block 4x1
  filigree train gan-tts --data cathy-arctic --discriminators whole --json

Samples of a recording it is not trained on, and pictures of them, are in the run's samples/ after every evaluation.`
}

// Run trains.
func (c *trainGAN) Run(ctx context.Context, io console) error {
	return trainSpeech(&c.speechRun, io, "gan-tts", c.Seed, c.Threads, gantts.Metric, func(io gantts.IO) (gantts.Result, error) { return gantts.Run(ctx, c.Settings, io) },
		func(r gantts.Result) string {
			text := fmt.Sprintf("%s: mel distance %.3f nats, log-spectral distance %.2f dB on recordings it never heard; %d of %d weights, %.3f of real time to run\n",
				show(r.Model), r.MelL1, r.LSD2048, r.Nonzeros, r.Weights, r.RTF)
			if r.CKDSD != nil {
				text += fmt.Sprintf("speech distances over %d clips, conditional: kernel %.4f (among recordings %.4f), Fréchet %.3f (%.3f)\n", r.Clips, *r.CKDSD, *r.FloorKDSD, *r.CFDSD, *r.FloorFDSD)
			}
			return text
		})
}
