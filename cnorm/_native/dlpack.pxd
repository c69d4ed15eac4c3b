"""DLPack 1 as it lies in memory: a tensor, one that is owned, and the table of functions of a library's type."""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum: MAJOR = 1  # versions of one major number share the layout
cdef enum: CPU = 1
cdef enum:
    CODE_INT = 0
    CODE_UINT = 1
    CODE_FLOAT = 2
    CODE_BFLOAT = 4
    CODE_BOOL = 6

ctypedef struct DLDevice:
    int32_t device_type, device_id

ctypedef struct DLDataType:
    uint8_t code, bits
    uint16_t lanes

ctypedef struct DLTensor:
    void *data
    DLDevice device
    int32_t ndim
    DLDataType dtype
    int64_t *shape
    int64_t *strides  # in elements
    uint64_t byte_offset

ctypedef struct DLPackVersion:
    uint32_t major, minor

cdef struct DLManagedTensorVersioned:
    DLPackVersion version
    void *manager_ctx
    void (*deleter)(DLManagedTensorVersioned *) noexcept nogil
    uint64_t flags
    DLTensor dl_tensor

cdef struct DLPackExchangeAPI:
    DLPackVersion version
    DLPackExchangeAPI *prev_api  # a table of an older version, whose head is the same
    void *managed_tensor_allocator
    void *managed_tensor_from_py_object_no_sync
    int (*managed_tensor_to_py_object_no_sync)(DLManagedTensorVersioned *, void **) noexcept
    int (*dltensor_from_py_object_no_sync)(void *, DLTensor *) noexcept
    void *current_work_stream
