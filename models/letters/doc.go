// Package letters holds the network that reads words the dictionary lacks: what it learns from
// (CMUdict, its letters aligned with its phonemes), the network, and the small file that package
// text embeds and reads it from.
package letters
