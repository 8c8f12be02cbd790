/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/memblock.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 */

#ifndef _LINUX_KHO_ABI_MEMBLOCK_H
#define _LINUX_KHO_ABI_MEMBLOCK_H

/**
 * DOC: memblock kexec handover ABI
 *
 * Memory that was set aside by name, with the ``reserve_mem`` option on the
 * kernel's command line, is found again after a kexec at the same address. What
 * is handed over is a flattened device tree, the KHO entry %MEMBLOCK_KHO_FDT:
 * its root has one child for each reservation, named as the command line names
 * it. The next kernel takes a reservation where it asks for the same name, size
 * and alignment, and reserves new memory where it does not.
 *
 * %MEMBLOCK_KHO_NODE_COMPATIBLE is a contract about the device-tree nodes that
 * carry it: kernels that use this string agree on their properties. The next
 * kernel compares the string, and then believes the rest. Any change to a
 * property's name, size or meaning needs a new version in the string.
 *
 * The root of the device tree has these properties:
 *
 * - ``compatible``: %MEMBLOCK_KHO_NODE_COMPATIBLE.
 *
 * %RESERVE_MEM_KHO_NODE_COMPATIBLE is a contract about the device-tree nodes
 * that carry it: kernels that use this string agree on their properties. The
 * next kernel compares the string, and then believes the rest. Any change to a
 * property's name, size or meaning needs a new version in the string.
 *
 * A node ``/<name>`` of the device tree has these properties, numbers in the
 * byte order of the CPU:
 *
 * - ``compatible``: %RESERVE_MEM_KHO_NODE_COMPATIBLE.
 * - ``start``, 8 bytes: Physical address of the reservation.
 * - ``size``, 8 bytes: Size of the reservation, in bytes.
 */

/**
 * MEMBLOCK_KHO_FDT - Name of the KHO entry that holds the device tree.
 */
#define MEMBLOCK_KHO_FDT	"memblock"

/**
 * MEMBLOCK_KHO_NODE_COMPATIBLE - Compatible string of the device tree's root.
 */
#define MEMBLOCK_KHO_NODE_COMPATIBLE	"memblock-v1"

/**
 * RESERVE_MEM_KHO_NODE_COMPATIBLE - Compatible string of a reservation's node.
 */
#define RESERVE_MEM_KHO_NODE_COMPATIBLE	"reserve-mem-v1"

#endif /* _LINUX_KHO_ABI_MEMBLOCK_H */
