module github.com/seed073b5613/filigree

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)
