<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16-Białowieża" styleCategories="Symbology">
  <pipe-data-defined-properties>
    <Option type="Map">
      <Option type="QString" name="name" value=""/>
      <Option name="properties"/>
      <Option type="QString" name="type" value="collection"/>
    </Option>
  </pipe-data-defined-properties>
  <pipe>
    <provider>
      <resampling zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" enabled="false" maxOversampling="2"/>
    </provider>
    <rasterrenderer type="paletted" band="1" alphaBand="-1" opacity="1" nodataColor="">
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
        <cumulativeCutLower>0.02</cumulativeCutLower>
        <cumulativeCutUpper>0.98</cumulativeCutUpper>
        <stdDevFactor>2</stdDevFactor>
      </minMaxOrigin>
      <colorPalette>
        <paletteEntry alpha="255" value="1" color="#fdf0d5" label="low susceptibility, certain"/>
        <paletteEntry alpha="255" value="2" color="#e7d7cd" label="low susceptibility, uncertain"/>
        <paletteEntry alpha="255" value="3" color="#acc6e4" label="low susceptibility, very uncertain"/>
        <paletteEntry alpha="255" value="4" color="#e07b3e" label="medium susceptibility, certain"/>
        <paletteEntry alpha="255" value="5" color="#c69986" label="medium susceptibility, uncertain"/>
        <paletteEntry alpha="255" value="6" color="#73b7ed" label="medium susceptibility, very uncertain"/>
        <paletteEntry alpha="255" value="7" color="#8d1e1f" label="high susceptibility, certain"/>
        <paletteEntry alpha="255" value="8" color="#874e58" label="high susceptibility, uncertain"/>
        <paletteEntry alpha="255" value="9" color="#147abb" label="high susceptibility, very uncertain"/>
      </colorPalette>
    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
    <huesaturation saturation="0" colorizeGreen="128" colorizeBlue="128" colorizeStrength="100" colorizeRed="255" invertColors="0" grayscaleMode="0" colorizeOn="0"/>
    <rasterresampler maxOversampling="2"/>
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
