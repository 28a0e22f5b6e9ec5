//go:build mpi

package comm

import (
	"context"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// grace is how long a sum goes on after the context has ended. mpirun ends what is left a
// second after it has asked.
const grace = 700 * time.Millisecond

// world is the communicator MPI_COMM_WORLD of Open MPI 4. All calls are made by one thread.
type world struct {
	ctx        context.Context
	rank, size int32
	calls      chan call

	allreduce func(send uintptr, recv unsafe.Pointer, count int32, datatype, op, comm uintptr) int32
	finalize  func() int32
	comm, sum uintptr // addresses of predefined handles
	f32, f64  uintptr
}

// call is a sum to be made.
type call struct {
	data     unsafe.Pointer
	count    int
	datatype uintptr
	done     chan<- int32
}

// inPlace is MPI_IN_PLACE of Open MPI.
const inPlace = 1

// most is the most values of one call of MPI.
const most = 1 << 28

// open loads the library and joins the other processes.
func open(ctx context.Context) (Group, error) {
	w := &world{ctx: ctx, calls: make(chan call)}
	ready := make(chan error)
	go w.serve(ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return w, nil
}

// serve is the thread that calls MPI.
func (w *world) serve(ready chan<- error) {
	runtime.LockOSThread()
	err := w.load()
	ready <- err
	if err != nil {
		return
	}
	for c := range w.calls {
		if c.data == nil { // the end
			c.done <- w.finalize()
			return
		}
		code := int32(0)
		size := uintptr(4)
		if c.datatype == w.f64 {
			size = 8
		}
		for at := 0; at < c.count && code == 0; at += most {
			code = w.allreduce(inPlace, unsafe.Add(c.data, uintptr(at)*size), int32(min(most, c.count-at)), c.datatype, w.sum, w.comm)
		}
		c.done <- code
	}
}

// load finds Open MPI and starts it.
func (w *world) load() error {
	var lib uintptr
	var err error
	for _, name := range []string{"libmpi.so.40", "libmpi.so"} {
		// Its plug-ins need its symbols.
		if lib, err = purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("Open MPI cannot be loaded (Debian: libopenmpi3): %w", err)
	}
	for name, to := range map[string]*uintptr{
		"ompi_mpi_comm_world": &w.comm, "ompi_mpi_op_sum": &w.sum, "ompi_mpi_float": &w.f32, "ompi_mpi_double": &w.f64,
	} {
		if *to, err = purego.Dlsym(lib, name); err != nil {
			return fmt.Errorf("this MPI is not Open MPI: %w", err)
		}
	}
	var start func(argc, argv uintptr, required int32, provided *int32) int32
	var rankOf, sizeOf func(comm uintptr, n *int32) int32
	purego.RegisterLibFunc(&start, lib, "MPI_Init_thread")
	purego.RegisterLibFunc(&rankOf, lib, "MPI_Comm_rank")
	purego.RegisterLibFunc(&sizeOf, lib, "MPI_Comm_size")
	purego.RegisterLibFunc(&w.allreduce, lib, "MPI_Allreduce")
	purego.RegisterLibFunc(&w.finalize, lib, "MPI_Finalize")
	const funneled = 1
	var provided int32
	if code := start(0, 0, funneled, &provided); code != 0 || provided < funneled {
		return fmt.Errorf("MPI_Init_thread: error %d, threads %d", code, provided)
	}
	if code := rankOf(w.comm, &w.rank) | sizeOf(w.comm, &w.size); code != 0 {
		return fmt.Errorf("MPI_Comm_rank, MPI_Comm_size: error %d", code)
	}
	return nil
}

func (w *world) Rank() int { return int(w.rank) }

func (w *world) Size() int { return int(w.size) }

func (w *world) Sum(x []float32) error {
	return w.reduce(unsafe.Pointer(unsafe.SliceData(x)), len(x), w.f32)
}

func (w *world) Sum64(x []float64) error {
	return w.reduce(unsafe.Pointer(unsafe.SliceData(x)), len(x), w.f64)
}

// reduce lets the thread of MPI make a sum and waits for it.
func (w *world) reduce(data unsafe.Pointer, count int, datatype uintptr) error {
	if count == 0 {
		return nil
	}
	done := make(chan int32, 1)
	w.calls <- call{data, count, datatype, done}
	var code int32
	select {
	case code = <-done:
	case <-w.ctx.Done():
		select {
		case code = <-done:
		case <-time.After(grace):
			return fmt.Errorf("comm: rank %d of %d waits for the others in vain: %w", w.rank, w.size, ErrLost)
		}
	}
	if code != 0 {
		return fmt.Errorf("comm: rank %d of %d: MPI_Allreduce: error %d: %w", w.rank, w.size, code, ErrLost)
	}
	return nil
}

// Close ends MPI in order. After a failure the process just ends, on which mpirun ends the
// others.
func (w *world) Close(failed error) {
	if failed == nil {
		done := make(chan int32, 1)
		w.calls <- call{done: done}
		<-done
	}
}
