package uring

// The operations (enum io_uring_op).
const (
	OpPollAdd     = 6
	OpAccept      = 13
	OpAsyncCancel = 14
	OpSend        = 26
	OpRecv        = 27
)

// Flags of submissions: of the SQE itself, of accept and of recv (in IOPrio), of a cancellation (in OpFlags).
const (
	BufferSelect    = 1 << 5 // IOSQE_BUFFER_SELECT: the kernel takes a buffer
	AcceptMultishot = 1 << 0
	RecvMultishot   = 1 << 1
	CancelAll       = 1 << 0
	CancelAny       = 1 << 2
)

// Flags of completions.
const (
	HasBuffer = 1 << 0 // the upper 16 bits are its id
	More      = 1 << 1 // the same submission will complete again
)

// PollEvents are events of poll(2) as a submission has them in OpFlags: 32 bits, whose halves big-endian machines swap.
func PollEvents(events int16) uint32 { return halves(uint16(events), 0) }

// Buffer is the id of the buffer that a completion has filled.
func (c CQE) Buffer() uint16 { return uint16(c.Flags >> 16) }
