// SPDX-License-Identifier: GPL-2.0
//! Steps in words: the names of the checks, which both sides of the protocol compare.

use core::fmt;

use crate::{Action, Look, Step, Use};

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fails {
            None => write!(formatter, "{}", self.action),
            Some(errno) => write!(formatter, "{}: refused with {errno}", self.action),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::LoadHandler => write!(f, "load the handler module"),
            Action::UnloadHandler => write!(f, "unload the handler module"),
            Action::HandlerIsHeld { references } => {
                write!(f, "the handler module has {references} references")
            }
            Action::BindDriver { device } => write!(f, "bind {device} to vfio-pci"),
            Action::EnableVirtualFunction { device } => {
                write!(f, "turn the virtual function of {device} on")
            }
            Action::ResetMethodsOff { device } => {
                write!(f, "turn the reset methods of {device} off")
            }
            Action::ResetMethodsOn { device } => {
                write!(f, "turn the reset methods of {device} on")
            }
            Action::RemoveDevice { device } => write!(f, "take {device} off the bus"),
            Action::OpenLiveUpdate => write!(f, "open /dev/liveupdate"),
            Action::OpenCdev { device, file } => {
                write!(f, "open {device} through its cdev as {file}")
            }
            Action::OpenThroughGroup { device, file } => {
                write!(f, "open {device} through its group as {file}")
            }
            Action::OpenGroup { device, file } => {
                write!(f, "open the group of {device} as {file}")
            }
            Action::OpenPath { path, file } => write!(f, "open {path} as {file}"),
            Action::BindIommufd { file } => write!(f, "bind {file} to an iommufd"),
            Action::CreateMemfd { file, size_bytes, .. } => {
                write!(f, "create memfd {file} of {size_bytes} bytes")
            }
            Action::MemfdHolds { file, size_bytes, .. } => {
                write!(f, "memfd {file} has its {size_bytes} bytes")
            }
            Action::Close { file } => write!(f, "close {file}"),
            Action::CreateSession { session } => write!(f, "create session {session}"),
            Action::CloseSession { session } => write!(f, "close session {session}"),
            Action::Preserve { session, file, token } => {
                write!(f, "preserve {file} in {session} as token {token:#x}")
            }
            Action::RetrieveSession { session } => write!(f, "retrieve session {session}"),
            Action::Retrieve { session, token, file } => {
                write!(f, "retrieve token {token:#x} of {session} as {file}")
            }
            Action::Finish { session } => write!(f, "finish session {session}"),
            Action::UseDevice { file, with, .. } => match with {
                Use::ConfigSpace => write!(f, "configuration space through {file} is the device's"),
                Use::Registers => write!(f, "registers answer through {file}"),
                Use::LeaveTraces => write!(f, "leave traces of use through {file}"),
                Use::IsBusMaster => write!(f, "the device of {file} is still a bus master"),
                Use::RaiseInterrupt => write!(f, "an interrupt arrives through {file}"),
            },
            Action::InterruptsOn { file } => write!(f, "turn interrupts on through {file}"),
            Action::InterruptsOff { file } => write!(f, "turn interrupts off through {file}"),
            Action::Reset { file } => write!(f, "reset the device through {file}"),
            Action::NoLeaks => write!(f, "kmemleak finds nothing"),
            Action::RunExample { arguments, .. } => {
                write!(f, "run the example program: {}", arguments.join(" "))
            }
            Action::LoadUnitTests { module, .. } => write!(f, "load the unit tests of {module}"),
            Action::RunSelftest { program, arguments, .. } => {
                write!(f, "run the kernel's own test {program}")?;
                arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
            }
            Action::KhoAbi { arguments, shows } => {
                let arguments = arguments.join(" ");
                write!(f, "kho-abi {arguments}: nothing is wrong, shows {}", shows.join(", "))
            }
            Action::Pause { name, look } => match look {
                Look::Remember => write!(f, "look at the preserved pages ({name})"),
                Look::SamePagesAs { pause } => {
                    write!(f, "exactly the pages of \"{pause}\" are preserved ({name})")
                }
                Look::MorePagesThan { pause, at_least } => write!(
                    f,
                    "at least {at_least} pages more than at \"{pause}\" are preserved ({name})"
                ),
                Look::HandedOverBytesUntouched => {
                    write!(f, "the bytes that were handed over are untouched ({name})")
                }
            },
            Action::LoadNextKernel => write!(f, "load the next kernel"),
            Action::LiveUpdate => write!(f, "live update"),
        }
    }
}
