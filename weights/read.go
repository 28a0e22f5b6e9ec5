package weights

import "fmt"

// Read checks a file held in memory, such as one embedded in a program; name stands for it
// in errors. The bytes must stay as they are while the file is used.
func Read(name string, b []byte) (*File, error) {
	f, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("weights: read %s: %w", name, err)
	}
	f.Path = name
	return f, nil
}
