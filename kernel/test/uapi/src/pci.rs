// SPDX-License-Identifier: GPL-2.0
//! PCI devices in sysfs: their addresses and drivers.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kho_abi::wire::pci_address::PciAddress;

const DEVICES: &str = "/sys/bus/pci/devices";

/// A PCI function, as sysfs has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PciFunction(pub PciAddress);

impl fmt::Display for PciFunction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for PciFunction {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        let address = text.parse::<PciAddress>();
        address.map(Self).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

impl PciFunction {
    /// The function of that device number on the first bus.
    pub fn on_bus_0(device: u8) -> Self {
        Self(PciAddress::from_bdf(0, u16::from(device) << 3))
    }

    /// The device's directory in sysfs.
    pub fn sysfs(self) -> PathBuf {
        Path::new(DEVICES).join(self.to_string())
    }

    /// The only device on the bus behind the bridge at this address.
    pub fn behind_bridge(self) -> io::Result<Self> {
        for entry in fs::read_dir(self.sysfs())? {
            let name = entry?.file_name();
            if let Some(address) = name.to_str().and_then(|name| name.parse::<Self>().ok()) {
                return Ok(address);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("no device behind the bridge at {self}"),
        ))
    }

    /// Enables the first virtual function. It gets the physical function's driver, vfio-pci, which
    /// must be told to allow that: the module parameter belongs to the system, not to the device.
    pub fn enable_virtual_function(self) -> io::Result<()> {
        fs::write("/sys/module/vfio_pci/parameters/enable_sriov", "Y")?;
        fs::write(self.sysfs().join("sriov_numvfs"), "1")
    }

    /// The address of the first virtual function of this physical one.
    pub fn first_virtual_function(self) -> io::Result<Self> {
        let target = fs::read_link(self.sysfs().join("virtfn0"))?;
        let name = target.file_name().ok_or(io::ErrorKind::InvalidData)?;
        name.to_string_lossy().parse()
    }

    /// A number that sysfs shows in hexadecimal, such as `vendor`.
    pub fn attribute_u16(self, attribute: &str) -> io::Result<u16> {
        let text = fs::read_to_string(self.sysfs().join(attribute))?;
        u16::from_str_radix(text.trim().trim_start_matches("0x"), 16)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Binds the device to vfio-pci, whatever its driver was before.
    pub fn bind_to_vfio_pci(self) -> io::Result<()> {
        fs::write(self.sysfs().join("driver_override"), "vfio-pci")?;
        if self.driver()?.as_deref() == Some("vfio-pci") {
            return Ok(());
        }
        if self.driver()?.is_some() {
            fs::write(self.sysfs().join("driver/unbind"), self.to_string())?;
        }
        fs::write("/sys/bus/pci/drivers_probe", self.to_string())?;
        match self.driver()?.as_deref() {
            Some("vfio-pci") => Ok(()),
            other => {
                Err(io::Error::other(format!("{self} is driven by {other:?} after the probe")))
            }
        }
    }

    /// The driver of the device.
    pub fn driver(self) -> io::Result<Option<String>> {
        match fs::read_link(self.sysfs().join("driver")) {
            Ok(target) => Ok(target.file_name().map(|name| name.to_string_lossy().into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The device's own character device, `/dev/vfio/devices/vfioN`.
    pub fn vfio_cdev(self) -> io::Result<PathBuf> {
        let mut entries = fs::read_dir(self.sysfs().join("vfio-dev"))?;
        let entry = entries.next().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("{self} has no vfio character device"))
        })??;
        Ok(Path::new("/dev/vfio/devices").join(entry.file_name()))
    }

    /// The file of the device's IOMMU group, `/dev/vfio/N`.
    pub fn vfio_group(self) -> io::Result<PathBuf> {
        let target = fs::read_link(self.sysfs().join("iommu_group"))?;
        let number = target.file_name().ok_or(io::ErrorKind::InvalidData)?;
        Ok(Path::new("/dev/vfio").join(number))
    }

    /// The kernel's methods to reset the device, in the order in which it tries them.
    pub fn reset_methods(self) -> io::Result<String> {
        Ok(fs::read_to_string(self.sysfs().join("reset_method"))?.trim().to_owned())
    }

    /// Keeps the kernel from resetting the device by any method.
    pub fn turn_reset_methods_off(self) -> io::Result<()> {
        fs::write(self.sysfs().join("reset_method"), "\n")
    }

    /// Makes the kernel use the reset methods that it finds itself.
    pub fn turn_reset_methods_on(self) -> io::Result<()> {
        fs::write(self.sysfs().join("reset_method"), "default\n")
    }

    /// Takes the device off the bus.
    pub fn remove(self) -> io::Result<()> {
        fs::write(self.sysfs().join("remove"), "1")
    }
}
