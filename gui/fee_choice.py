"""Asks which fee a payment is to bear: an estimate for a target, or a rate."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QGroupBox, QLabel, QRadioButton, QSpinBox, QWidget

from interfaces.wallet_spending import CoinControl

_MOST_BLOCKS: Final = 1008


class FeeChoice(QGroupBox):
    """What `control` says is what is chosen at the time."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Transaction Fee:", parent)
        self.recommended, self.custom = QRadioButton("Recommended:"), QRadioButton("Custom:")
        self.recommended.setChecked(True)
        self.target = QSpinBox()
        self.target.setRange(1, _MOST_BLOCKS)
        self.target.setSuffix(" blocks")
        self.rate = QDoubleSpinBox()
        self.rate.setRange(0.001, 1_000_000)
        self.rate.setDecimals(3)
        self.rate.setSuffix(" sat/vB")
        self.rate.setValue(1)
        grid = QGridLayout(self)
        grid.addWidget(self.recommended, 0, 0)
        grid.addWidget(QLabel("Confirmation time target:"), 0, 1)
        grid.addWidget(self.target, 0, 2)
        grid.addWidget(self.custom, 1, 0)
        grid.addWidget(self.rate, 1, 1)
        grid.setColumnStretch(3, 1)

    def set_target(self, blocks: int) -> None:
        """Suggest a target."""
        self.target.setValue(blocks)

    def control(self) -> CoinControl:
        """Return what was chosen."""
        if self.custom.isChecked():
            return CoinControl(fee_rate=round(self.rate.value() * 1000))
        return CoinControl(confirm_target=self.target.value())
