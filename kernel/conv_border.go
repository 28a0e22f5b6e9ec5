package kernel

// Images with a border of zeros: copying in, copying or adding back. With a stride of s,
// the columns of a bordered row stand apart by their phase, p mod s, so that the inputs
// one weight meets along a row of outputs are contiguous.

// border copies images b0 to b1 of X into zero-bordered ones.
func (t *convTask) border(images []float32, b0, b1 int) {
	clear(images)
	for i, x := range t.eachImage(b0, b1) {
		image := images[i*t.plane:][:t.plane]
		if t.StrideW == 1 && t.W%8 == 0 && copyRows8 != nil {
			copyRows8(&image[t.PadH*t.wq+t.PadW], &x[0], t.H, t.W/8, 4*t.wq, 4*t.W)
			continue
		}
		if t.StrideW == 2 && t.W%16 == 0 && split2 != nil {
			even, odd := t.halves(image)
			split2(&x[0], even, odd, t.H, t.W, 4*t.W, 8*t.wq)
			continue
		}
		for h := range t.H {
			row, from := t.row(image, h), x[h*t.W:(h+1)*t.W]
			for f := range t.StrideW {
				w, to := t.phase(row, f)
				for i := 0; w < len(from); i, w = i+1, w+t.StrideW {
					to[i] = from[w]
				}
			}
		}
	}
}

// unborder writes the inner parts of bordered images to images b0 to b1 of X, or adds
// them.
func (t *convTask) unborder(images []float32, b0, b1 int) {
	for i, x := range t.eachImage(b0, b1) {
		image := images[i*t.plane:][:t.plane]
		if t.StrideW == 1 && t.W%8 == 0 && copyRows8 != nil {
			move := copyRows8
			if t.acc {
				move = addRows8
			}
			move(&x[0], &image[t.PadH*t.wq+t.PadW], t.H, t.W/8, 4*t.W, 4*t.wq)
			continue
		}
		if t.StrideW == 2 && t.W%16 == 0 && join2 != nil {
			join := join2
			if t.acc {
				join = joinAdd2
			}
			even, odd := t.halves(image)
			join(&x[0], even, odd, t.H, t.W, 4*t.W, 8*t.wq)
			continue
		}
		for h := range t.H {
			row, to := t.row(image, h), x[h*t.W:(h+1)*t.W]
			if !t.acc {
				clear(to)
			}
			for f := range t.StrideW {
				w, from := t.phase(row, f)
				for i := 0; w < len(to); i, w = i+1, w+t.StrideW {
					to[w] += from[i]
				}
			}
		}
	}
}

// halves returns where the even and the odd columns of X's first row stand in a bordered
// image of two phases.
func (t *convTask) halves(image []float32) (even, odd *float32) {
	row := t.row(image, 0)
	p := t.PadW
	return &row[p%2*t.wq+p/2], &row[(p+1)%2*t.wq+(p+1)/2]
}

// row returns the row of a bordered image in which row h of X stands, all its phases.
func (t *convTask) row(image []float32, h int) []float32 {
	return image[(h+t.PadH)*t.StrideW*t.wq:][:t.StrideW*t.wq]
}

// phase returns the first column of X that phase f of a bordered row holds, and the
// place of that column and those StrideW further.
func (t *convTask) phase(row []float32, f int) (w int, at []float32) {
	p := f // place in the bordered row
	for p < t.PadW {
		p += t.StrideW
	}
	return p - t.PadW, row[min(f*t.wq+p/t.StrideW, len(row)):]
}

// eachImage yields the channels of images b0 to b1 of X with their place among the
// bordered ones.
func (t *convTask) eachImage(b0, b1 int) func(yield func(i int, x []float32) bool) {
	return func(yield func(i int, x []float32) bool) {
		area := t.H * t.W
		if area == 0 {
			return
		}
		for c := range t.C {
			for b := b0; b < b1; b++ {
				at := (c*t.B + b) * area
				if !yield(c*t.images+b-b0, t.x[at:at+area]) {
					return
				}
			}
		}
	}
}
